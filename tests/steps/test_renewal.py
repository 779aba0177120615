"""Claims about steps/renewal.py: examples are renewed each night, and never for the worse."""

import json
import os
from collections.abc import Sequence

import pytest

from kaeshi.errors import InvalidInput, NotFound, Refused
from kaeshi.formats.faq import Written
from kaeshi.jobs.runner import run_now
from kaeshi.jobs.schedule import jobs
from kaeshi.loop import Loop
from kaeshi.nouns import Candidate
from kaeshi.providers.fake import FakeClock
from kaeshi.rules.feedback import parse
from kaeshi.steps import (
    asking,
    consent,
    evaluation,
    examples,
    faq,
    feedback,
    renewal,
    rollout,
    variants,
)
from kaeshi.steps.shelf import Shelf
from samples import GOOD, different, learnable, log, record

BASE = "gpt-4o-mini"


async def shown(loop: Loop, candidate: Candidate, question: str) -> list[str]:
    """The texts of the request, as the provider would get it."""
    asked = asking.question([{"role": "user", "content": question}], candidate.model)
    prepared = await asking.prepare(loop, Shelf(), candidate, asked)
    assert isinstance(prepared, asking.Prepared)
    return [message["content"] for message in json.loads(prepared.body)["messages"]]


async def liked(loop: Loop, name: str, *turns: str) -> None:
    await log(loop, record(name, *turns))
    await feedback.record(loop, [parse(f"{name}#1", GOOD)])


async def asked_in_other_words(loop: Loop, numbers: Sequence[int]) -> list[str]:
    """Test cases that share words with these conversations, and repeat none of them."""
    found = []
    for number in numbers:
        question, answer = different(number)
        words = question.split()
        found.append(f"{words[0]} please {words[3]}")
        await evaluation.add(loop, [(f"t{number}", {"question": found[-1], "expected": answer})])
    return found


async def test_a_candidate_without_a_build_of_its_own_reads_each_renewal(loop: Loop) -> None:
    await learnable(loop, 30)
    made = await variants.with_current_examples(loop, model=BASE, count=2)
    assert made.serving.examples_build == ""
    question, answer = different(100)
    assert answer not in await shown(loop, made, question)
    for number in range(100, 106):  # some of them are held out
        await liked(loop, f"d{number}", *different(number))
    first = examples.current(loop)
    done = await renewal.renew(loop)
    assert (done.is_new, examples.current(loop)) == (True, done.build)
    texts = [await shown(loop, made, different(n)[0]) for n in range(100, 106)]
    assert any(different(n)[1] in texts[n - 100] for n in range(100, 106))
    assert await renewal.revert(loop) == first == examples.current(loop)


async def test_the_same_examples_are_no_new_build(loop: Loop) -> None:
    await learnable(loop, 30)
    first = await renewal.renew(loop)
    again = await renewal.renew(loop)
    assert (first.is_new, again.is_new, again.build) == (True, False, first.build)
    assert len(examples.listed(loop)) == 1


async def test_a_renewal_that_answers_questions_worse_is_refused_with_them(loop: Loop) -> None:
    await learnable(loop, 30)
    questions = await asked_in_other_words(loop, range(4))
    before = await renewal.renew(loop)
    for number, question in enumerate(questions):
        for n in range(3):  # so that some are learned from whatever is held out
            await liked(
                loop, f"bad{number}{n}", f"{question} now{n}", f"No, number {number}{n} is off."
            )
    with pytest.raises(
        Refused, match=r"no right answer to [1-4] of \d+ held-out questions.*please"
    ):
        await renewal.renew(loop)
    assert examples.current(loop) == before.build
    accepted = await renewal.renew(loop, accept_worse=True)
    assert examples.current(loop) == accepted.build != before.build


async def test_who_asks_the_same_and_is_held_out_takes_nothing_from_what_was_learned(
    loop: Loop,
) -> None:
    await learnable(loop, 30)
    await renewal.renew(loop)
    for number in range(30):  # all asked again, and some of these are held out
        question, answer = different(number)
        await liked(loop, f"later{number:02}", f"Hi! {question}", answer)
    done = await renewal.renew(loop)
    assert not done.checked.lost


async def test_what_was_withdrawn_does_not_hold_a_renewal_back(loop: Loop) -> None:
    await learnable(loop, 40)
    await asked_in_other_words(loop, range(6))
    await renewal.renew(loop)
    await consent.agree(loop, [f"c000{number}" for number in range(6)], "none", by="ann")
    done = await renewal.renew(loop)
    assert done.is_new
    assert not done.checked.lost


async def test_a_persons_word_on_the_same_question_overtakes_what_was_said_before(
    loop: Loop,
) -> None:
    await learnable(loop, 30)
    question, answer = different(3)
    await faq.import_pairs(loop, [("faq", Written(question, "That is 60 dollars now."))], by="ann")
    done = await renewal.renew(loop)
    build = examples.read(loop, done.build)
    assert answer not in {pair.answer for pair in build.pairs}
    assert "That is 60 dollars now." in {pair.answer for pair in build.pairs}


async def test_what_was_said_after_an_entry_was_approved_stands(
    loop: Loop, clock: FakeClock
) -> None:
    question, answer = different(3)
    now = clock.now()
    clock.advance(days=-60)
    await faq.import_pairs(loop, [("faq", Written(question, "That is 60 dollars."))], by="ann")
    clock.advance(days=60)
    assert clock.now() == now
    await learnable(loop, 30)
    done = await renewal.renew(loop)
    assert answer in {pair.answer for pair in examples.read(loop, done.build).pairs}


async def test_old_builds_go_but_for_those_that_candidates_name(loop: Loop) -> None:
    await learnable(loop, 30)
    first = await renewal.renew(loop)
    pinned = await variants.with_examples(loop, await examples.collected(loop), model=BASE)
    built = [first.build]
    for number in range(200, 212):
        for path in loop.folder("examples").glob("ex_*"):
            os.utime(path, (0, 0))
        await liked(loop, f"e{number}", *different(number))
        done = await renewal.renew(loop)
        built += [done.build] if done.is_new else []
    assert len(built) > 5
    left = {path.stem for path in loop.folder("examples").glob("ex_*.json")}
    learned = {named["learned"] for named in examples.listed(loop)}
    newest = {path.stem for path in loop.folder("examples").glob("ex_*.json")} - {
        path.stem for path in loop.folder("examples").glob("ex_*.json") if path.stat().st_mtime == 0
    }
    left -= newest - set(built[-3:]) - learned  # a day old at the next renewal
    assert left == {pinned.serving.examples_build, *built[-3:], *learned}
    with pytest.raises(NotFound, match=built[1]):
        examples.read(loop, built[1])


async def test_the_job_renews_what_production_reads_and_nothing_else(
    loop: Loop, clock: FakeClock
) -> None:
    await learnable(loop, 30)
    table = jobs(loop.settings)
    said = await run_now(loop, table, "examples_refresh", "ann")
    assert said == "finished: nothing in production reads examples that are renewed"
    made = await variants.with_current_examples(loop, model=BASE)
    await rollout.set_production(loop, made.model, made.serving)
    clock.advance(days=1)
    said = await run_now(loop, table, "examples_refresh", "ann")
    assert said.endswith("as before")


async def test_without_an_earlier_build_nothing_is_reverted(loop: Loop) -> None:
    with pytest.raises(NotFound, match="no build of examples before"):
        await renewal.revert(loop)
    with pytest.raises(NotFound, match="kaeshi examples refresh"):
        examples.current(loop)


async def test_a_damaged_list_is_mended_by_the_next_renewal(loop: Loop) -> None:
    await learnable(loop, 30)
    done = await renewal.renew(loop)
    for damage in (b"{", b'{"builds": [{"build": 1}]}', b'{"builds": [{"build": "ex_1"}]}'):
        examples.list_path(loop).write_bytes(damage)
        with pytest.raises(InvalidInput, match="damaged; type: kaeshi examples refresh"):
            examples.current(loop)
        await renewal.renew(loop)
        assert examples.current(loop) == done.build
