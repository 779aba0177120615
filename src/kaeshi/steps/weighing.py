"""Weighs what was said of answers: how likely each example's is right, and who vouches for it.

A conversation of one question is weighed with all that ask and say the same; a longer one by its
own votes alone, because a rating there is of the whole.
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import NotFound
from kaeshi.loop import Loop
from kaeshi.nouns import Entry
from kaeshi.rules import quality, review, trust
from kaeshi.rules.knowledge import particulars, question_and_answer
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.knowledge import approved_entries
from kaeshi.steps.quality import model_of
from kaeshi.store.weights import Compared, Given, Weight

Floats = NDArray[np.float32]
AT_ONCE = 500
BLOCK = 256
SAME_WORDS = 0.95  # cosine of questions that are asked in nearly the same words
AGREE = 0.75  # mean cosine of answers below which they contradict each other
LEAST_OTHERS = 3  # answers to these, before they are a measure of agreement


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Questions and answers, each pair once, with their unit vectors, shape (n, d).

    `particulars`: of the answers, see rules/knowledge.py.
    """

    questions: list[str]
    answers: list[str]
    asked: Floats
    given: Floats
    particulars: list[tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Context:
    """All that an example's answer is weighed with.

    `votes`, by conversation; `reliabilities`, by rater; `least`: probability that is kept; `bound`:
    see `trust.needs_person`.
    """

    votes: Mapping[str, Sequence[trust.Vote]]
    reliabilities: Mapping[str, float]
    model: quality.Model
    least: float
    bound: float


@dataclass(frozen=True, kw_only=True)
class Grouped:
    """Conversations of one question by their pair, and the longer ones."""

    pairs: Pairs
    members: list[list[Compared]]
    longer: list[Compared]


async def weigh(loop: Loop) -> int:
    """Weigh what was collected since, and what says the same.

    All of it, where settings, entries or the model changed. Returns how many of what was kept since
    are doubtful, and so are dropped.
    """
    entries = await approved_entries(loop)
    model = await model_of(loop)
    await _prepare(loop, entries, model)
    async with loop.store.read() as tx:
        if not await tx.weights.count_unweighed(loop.assistant):
            return 0
        found = await tx.weights.compared(loop.assistant)
    base = await _pairs(loop, [(entry.question, entry.answer) for entry in entries])
    grouped = await _grouped(loop, found)
    context = await _context(loop, found, grouped, model)
    weights = [_alone(one, context) for one in grouped.longer if not one.is_weighed]
    weights += await asyncio.to_thread(_weights, grouped, base, context)
    await _store(loop, weights)
    before = {one.id for one in found if one.is_kept and not one.is_weighed}
    return sum(weight.example in before and weight.reason != "" for weight in weights)


async def _prepare(loop: Loop, entries: Sequence[Entry], model: quality.Model) -> None:
    """Forget old networks, and begin again where what decides has changed."""
    before = loop.clock.now() - timedelta(days=loop.settings.network_days)
    s = loop.settings
    texts = [(entry.question, entry.answer) for entry in entries]
    said = [s.min_probability, s.trust_lower_bound, model.model_dump(), texts]
    fingerprint = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    async with loop.store.write() as tx:
        await tx.weights.forget_networks(loop.assistant, before)
        await tx.weights.begin_again(loop.assistant, fingerprint)


async def _store(loop: Loop, weights: Sequence[Weight]) -> None:
    for start in range(0, len(weights), AT_ONCE):
        async with loop.store.write() as tx:
            await tx.weights.put_weights(loop.assistant, weights[start : start + AT_ONCE])


async def votes_on(loop: Loop, conversation: str) -> list[trust.Weighed]:
    """Every vote that counts for a conversation's answer, with its weight and why.

    Raises NotFound where no example of it is stored.
    """
    async with loop.store.read() as tx:
        found = await tx.weights.compared(loop.assistant)
    one = next((each for each in found if each.conversation == conversation), None)
    if one is None:
        msg = (
            f"conversation {conversation!r} of assistant {loop.assistant!r} has no example; "
            "`kaeshi collection run` makes them, and says what it drops"
        )
        raise NotFound(msg)
    grouped = await _grouped(loop, found)
    context = await _context(loop, found, grouped, await model_of(loop))
    place = next((k for k, members in enumerate(grouped.members) if one in members), None)
    if place is None:
        return _votes_of([one], context)
    same = next(_likes(grouped.pairs, [place])).same
    return _votes_of([each for k in same for each in grouped.members[k]], context)


async def _grouped(loop: Loop, found: Sequence[Compared]) -> Grouped:
    """Each question and answer once, with the conversations that are no more than these."""
    members: dict[tuple[str, str], list[Compared]] = defaultdict(list)
    longer = []
    for one in found:
        pair = _single(one)
        if pair is None:
            longer.append(one)
        else:
            members[pair].append(one)
    pairs = await _pairs(loop, list(members))
    return Grouped(pairs=pairs, members=list(members.values()), longer=longer)


def _single(one: Compared) -> tuple[str, str] | None:
    """The question and the answer of a conversation that is no more than these."""
    messages = json.loads(one.body)
    if sum(message["role"] == "user" for message in messages) != 1:
        return None
    pair = question_and_answer(messages)
    return pair if pair is not None and all(pair) else None


async def _pairs(loop: Loop, found: Sequence[tuple[str, str]]) -> Pairs:
    questions = [question for question, _ in found]
    answers = [answer for _, answer in found]
    asked = given = np.zeros((0, 0), np.float32)
    if found:
        asked, _ = await vectors_of(loop, questions)
        given, _ = await vectors_of(loop, answers)
    return Pairs(
        questions=questions,
        answers=answers,
        asked=asked,
        given=given,
        particulars=[particulars(answer) for answer in answers],
    )


async def _context(
    loop: Loop, found: Sequence[Compared], grouped: Grouped, model: quality.Model
) -> Context:
    votes = await _votes(loop, [one.conversation for one in found])
    of_answer = {
        str(k): [vote for one in members for vote in votes.get(one.conversation, ())]
        for k, members in enumerate(grouped.members)
    }
    return Context(
        votes=votes,
        reliabilities=trust.reliability(of_answer),
        model=model,
        least=loop.settings.min_probability,
        bound=loop.settings.trust_lower_bound,
    )


async def _votes(loop: Loop, conversations: Sequence[str]) -> dict[str, list[trust.Vote]]:
    """The votes on each conversation's answers."""
    votes: dict[str, list[trust.Vote]] = defaultdict(list)
    for start in range(0, len(conversations), AT_ONCE):
        async with loop.store.read() as tx:
            given = await tx.weights.votes(loop.assistant, conversations[start : start + AT_ONCE])
        for each in given:
            votes[each.conversation] += _vote(each)
    return votes


def _vote(given: Given) -> list[trust.Vote]:
    stars = quality.stars_of(given.opinion)
    if stars is None:
        return []
    vote = trust.Vote(
        customer=given.customer,
        stars=stars,
        at=given.at,
        network=given.network,
        is_vouched=given.is_vouched,
    )
    return [vote]


def _weights(grouped: Grouped, base: Pairs, context: Context) -> list[Weight]:
    """Of every single question that is new, or asks and says what a new one does."""
    members = grouped.members
    fresh = [k for k, each in enumerate(members) if any(not one.is_weighed for one in each)]
    found = {like.place: like for like in _likes(grouped.pairs, fresh)}
    touched = {place for like in found.values() for place in like.same} - found.keys()
    found |= {like.place: like for like in _likes(grouped.pairs, sorted(touched))}
    return [w for like in found.values() for w in _of_pair(grouped, base, context, like)]


class _Like(NamedTuple):
    """A pair's place, and the places of others.

    `same` ask and say the same, itself among them; `agreement`: the mean cosine of its answer to
    those of all others that ask in the same words, None where these are few or agree.
    """

    place: int
    same: list[int]
    agreement: float | None


def _likes(pairs: Pairs, places: Sequence[int]) -> Iterator[_Like]:
    for start in range(0, len(places), BLOCK):
        block = places[start : start + BLOCK]
        for i, near in zip(block, pairs.asked[block] @ pairs.asked.T, strict=True):
            yield _like(pairs, i, near)


def _like(pairs: Pairs, i: int, near: Floats) -> _Like:
    """`near`: cosines of the i-th question to all."""
    like = np.flatnonzero(near >= review.SAME_QUESTION)
    like = like[like != i]
    given = pairs.given[like] @ pairs.given[i]
    to_same = given[near[like] >= SAME_WORDS]
    agreement = float(to_same.mean()) if len(to_same) >= LEAST_OTHERS else None
    if agreement is not None and agreement >= AGREE:
        agreement = None  # an assistant that repeats itself proves nothing
    alike = like[given >= review.SAME_ANSWER].tolist()
    same = [j for j in alike if pairs.particulars[j] == pairs.particulars[i]]
    return _Like(i, [i, *same], agreement)


def _of_pair(grouped: Grouped, base: Pairs, context: Context, like: _Like) -> list[Weight]:
    """Of all conversations of a pair, which all that ask and say the same are weighed with."""
    i = like.place
    pairs = grouped.pairs
    members = grouped.members
    near = base.asked @ pairs.asked[i] if base.questions else np.zeros(1, np.float32)
    known = quality.Known(agreement=like.agreement, **_compared(pairs, base, i, near))
    same = (one for j in like.same for one in members[j])
    votes = trust.standing(_votes_of(same, context))
    is_supported = _is_supported(pairs, base, i, near)
    return [_weight(one, votes, known, context, is_supported=is_supported) for one in members[i]]


def _is_supported(pairs: Pairs, base: Pairs, i: int, near: Floats) -> bool:
    """Whether an approved entry of nearly the same question says the same as the i-th pair."""
    if not base.questions:
        return False
    says_it = base.given @ pairs.given[i] >= review.SAME_ANSWER
    places = np.flatnonzero(says_it & (near >= review.SAME_QUESTION))
    return any(base.particulars[j] == pairs.particulars[i] for j in places)


def _compared(pairs: Pairs, base: Pairs, i: int, near: Floats) -> dict[str, float]:
    """How the i-th pair compares with an entry of the same question; empty without one.

    `near`: cosines of its question to the entries'.
    """
    place = int(near.argmax())
    if near[place] < review.SAME_QUESTION:
        return {}
    pair = (pairs.questions[i], pairs.answers[i])
    entry = (base.questions[place], base.answers[place])
    says = float(base.given[place] @ pairs.given[i])
    return quality.beside(pair, entry, float(near[place]), says)


def _alone(one: Compared, context: Context) -> Weight:
    """Of a longer conversation, by its own votes."""
    votes = trust.standing(_votes_of([one], context))
    return _weight(one, votes, quality.Known(), context, is_supported=False)


def _weight(
    one: Compared,
    votes: trust.Standing,
    known: quality.Known,
    context: Context,
    *,
    is_supported: bool,
) -> Weight:
    """`votes`: on all that asks and says the same."""
    known = known.model_copy(update={"said": round(votes.odds, 4)})
    right = context.model.probability(known)
    return Weight(
        example=one.id,
        known=known.model_dump_json(exclude_none=True),
        probability=round(right, 4),
        bound=votes.bound,
        held=_held(one, votes, context, is_supported=is_supported),
        reason=_reason(one, is_doubtful=right < context.least and not one.is_decided),
        judged_at=one.judged_at,
        is_decided=one.is_decided,
    )


def _held(one: Compared, votes: trust.Standing, context: Context, *, is_supported: bool) -> str:
    """Why a person must look first; empty where none must."""
    if one.is_logged or not context.bound:
        return ""
    # what enough networks praised does not wait again because their hashes are deleted
    if not one.was_held and one.bound >= context.bound and not votes.blame:
        return ""
    return trust.needs_person(votes, context.bound, is_supported=is_supported)


def _votes_of(like: Iterable[Compared], context: Context) -> list[trust.Weighed]:
    said = [vote for each in like for vote in context.votes.get(each.conversation, ())]
    return trust.weighed(said, context.reliabilities)


def _reason(one: Compared, *, is_doubtful: bool) -> str:
    """Why it is dropped; empty where it is kept."""
    if one.is_kept or one.reason == "doubtful":
        return "doubtful" if is_doubtful else ""
    return one.reason
