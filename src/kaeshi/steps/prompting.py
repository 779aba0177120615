"""Searching for a better prompt, from what people answered; the best becomes a candidate.

Money is reserved before the first call, and a search that was killed is taken up where it was.
"""

import asyncio
import fcntl
import hashlib
import json
import shutil
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from kaeshi.errors import Conflict, InvalidInput, Refused, TooFew
from kaeshi.files import write_whole
from kaeshi.loop import Loop
from kaeshi.nouns import EMBEDDED, Candidate, Json
from kaeshi.ports import Trace, Tried
from kaeshi.rules import prompts as rules
from kaeshi.rules import training as money
from kaeshi.rules.examples import MOST_TOKENS as EXAMPLES_TOKENS
from kaeshi.rules.examples import Pair
from kaeshi.steps import asking, examples, spending, variants
from kaeshi.steps.fresh import answers, right_of
from kaeshi.steps.shelf import Shelf

T = TypeVar("T")
CALLS = 150
LEARNED = 80  # cases to learn from, at most
LEAST = rules.HELD + rules.BATCH  # answers, below which no search begins
WEAK = 3  # proposals in a row without instructions, after which the reflecting model is too weak
CASE_TOKENS = 500  # of a question and its answer, generously
SHOWN = 20  # questions in the evidence


@dataclass
class _Search:
    """One search under way."""

    loop: Loop
    events: asyncio.AbstractEventLoop
    base: Candidate
    judged: Candidate  # the base, without the cases among what it reads
    reflector: Candidate
    cases: list[Pair]
    shelf: Shelf = field(default_factory=Shelf)
    removed: dict[str, str] = field(default_factory=dict)
    unread: int = 0  # proposals in a row that were none
    calls: int = 0

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What the loop's event loop makes of it; the search runs in a thread."""
        return asyncio.run_coroutine_threadsafe(work, self.events).result()

    def judge(self, prompt: str, numbers: Sequence[int]) -> Sequence[Trace]:
        """What the base model answers to these cases with this prompt."""
        return self.wait(self._judged(prompt, [self.cases[i] for i in numbers]))

    async def _judged(self, prompt: str, cases: Sequence[Pair]) -> list[Trace]:
        candidate = _with_prompt(self.judged, prompt)
        asked = [[{"role": "user", "content": case.question}] for case in cases]
        said = await answers(self.loop, self.shelf, candidate, asked)
        self.calls += len(cases)
        right = await right_of(self.loop, said, [case.answer for case in cases])
        return [
            Trace(case.question, text or "(handed over to a person)", case.answer, float(is_right))
            for case, text, is_right in zip(cases, said, right, strict=True)
        ]

    def propose(self, prompt: str, traces: Sequence[Trace]) -> str:
        """Another prompt by the reflecting model, without what may not enter one."""
        request = rules.reflection(prompt, [trace.shown for trace in traces])
        said = self.wait(self._reflect(request))
        found = rules.proposal_in(said)
        self.unread = 0 if found else self.unread + 1
        if self.unread >= WEAK:
            msg = (
                f"model {self.reflector.model!r} gave no instructions between <instructions> tags "
                f"{WEAK} times in a row: it is too weak to reflect; name another with --reflector"
            )
            raise Refused(msg)
        if found is None:
            return prompt
        clean, removed = rules.cleaned(found, prompt, [trace.question for trace in traces])
        self.removed |= removed
        tokens = self.loop.tokens.count([clean], asking.served_name(self.base))
        return clean if clean and tokens <= rules.MOST_TOKENS else prompt

    async def _reflect(self, request: str) -> str:
        messages = [{"role": "user", "content": request}]
        return (await asking.answer_scrubbed(self.loop, self.shelf, self.reflector, messages)).text


async def search(
    loop: Loop,
    *,
    reflector: str,
    model: str | None = None,
    calls: int = CALLS,
    seed: int = 0,
) -> Candidate:
    """Search for a prompt for what answers now (or `model`); the best one as a candidate.

    Cases are what people answered or approved, and none of what datasets hold out. The same search
    again is the same candidate, and is not paid twice. Raises InvalidInput for a budget that proves
    nothing, TooFew for too few cases, Refused beyond a cap, for a reflecting model that is too weak
    and where nothing better was found.
    """
    _check_budget(calls)
    base = await variants.base_of(loop, model)
    first = prompt_of(loop, base)
    name = _name(loop, base, reflector, first, calls, seed)
    with _alone(loop, name) as folder:
        learned, held, is_resumed = await _material(loop, folder, seed)
        key = f"{name}-{_digest([learned, held])}"
        came = None if is_resumed else await _done(loop, key)
        if came is None:
            found = await _begun(loop, base, reflector, [*learned, *held])
            reserved = await _reserve(loop, found, key, calls)
            came = await _searched(found, first, len(learned), calls, seed, folder)
            spent = _spent(found, reserved, calls, is_resumed=is_resumed)
            await _end(loop, key, came, spent)
        shutil.rmtree(folder, ignore_errors=True)
    if isinstance(came, Refused):
        raise came
    return came


async def _begun(loop: Loop, base: Candidate, reflector: str, asked: list[Pair]) -> _Search:
    return _Search(
        loop=loop,
        events=asyncio.get_running_loop(),
        base=base,
        judged=await _unread(loop, base, asked),
        reflector=asking.unregistered(loop.assistant, reflector),
        cases=asked,
    )


async def _searched(
    found: _Search, first: str, learned: int, calls: int, seed: int, folder: Path
) -> Candidate | Refused:
    """The best prompt as a candidate, or why there is none. Raises ProviderError: to be resumed."""
    held = found.cases[learned:]
    try:
        tried = await asyncio.to_thread(
            partial(found.loop.prompt_search.search, first, learned=learned, held=len(held)),
            judge=found.judge,
            propose=found.propose,
            calls=calls,
            batch=rules.BATCH,
            seed=seed,
            folder=folder,
        )
        return await _registered(found.loop, found, tried, held)
    except Refused as error:
        return error


@contextmanager
def _alone(loop: Loop, name: str) -> Iterator[Path]:
    """The search's folder, for one process at a time. Raises Conflict."""
    folder = loop.folder("prompts") / name
    folder.mkdir(parents=True, exist_ok=True)
    with (loop.folder("prompts") / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = "another process makes this search; wait for it"
            raise Conflict(msg) from error
        yield folder


async def _material(loop: Loop, folder: Path, seed: int) -> tuple[list[Pair], list[Pair], bool]:
    """(to learn from, to choose by, whether a search that was cut off goes on with them)."""
    path = folder / "cases.json"
    if path.is_file():
        learned, held = [[Pair(*one) for one in part] for part in json.loads(path.read_bytes())]
        return learned, held, True
    learned, held = await cases(loop, seed)
    write_whole(path, json.dumps([learned, held]).encode())
    return learned, held, False


async def _done(loop: Loop, key: str) -> Candidate | Refused | None:
    """What came of the same search before."""
    path = loop.folder("prompts") / f"{key}.json"
    if not path.is_file():
        return None
    came = json.loads(path.read_bytes())
    if came["candidate"] is None:
        return Refused(came["why"])
    return await asking.candidate_named(loop, came["candidate"])


async def _end(loop: Loop, key: str, came: Candidate | Refused, spent: Decimal) -> None:
    """Book what was spent, and keep what came of it."""
    async with loop.store.write() as tx:
        await tx.spendings.book(loop.assistant, key, spent)
    model = came.model if isinstance(came, Candidate) else None
    said = {"candidate": model, "why": str(came) if model is None else ""}
    write_whole(loop.folder("prompts") / f"{key}.json", json.dumps(said).encode())


def _spent(found: _Search, reserved: Decimal, calls: int, *, is_resumed: bool) -> Decimal:
    """The part of the reserve that was used; all of it where a part of the calls was not seen."""
    if is_resumed:
        return reserved
    return reserved * min(Decimal(1), Decimal(found.calls) / _most(calls))


def _check_budget(calls: int) -> None:
    """Raise InvalidInput for a search that is too small: it would only look successful."""
    least = rules.least_calls(rules.HELD, rules.BATCH)
    if calls < least:
        msg = (
            f"{calls} calls show nothing: {rules.HELD} cases choose among prompts, so {least} are "
            "needed"
        )
        raise InvalidInput(msg)


def prompt_of(loop: Loop, base: Candidate) -> str:
    """The system prompt that a candidate opens with; the assistant's own where it has none."""
    for message in base.serving.opening:
        if message["role"] == "system":
            return str(message["content"])
    return loop.prompts["default"]


def _with_prompt(base: Candidate, prompt: str) -> Candidate:
    serving = base.serving.model_copy(
        update={"opening": _opening(base, prompt), "model": asking.served_name(base)}
    )
    return base.model_copy(update={"serving": serving})


def _opening(base: Candidate, prompt: str) -> tuple[Json, ...]:
    others = tuple(m for m in base.serving.opening if m["role"] != "system")
    return ({"role": "system", "content": prompt}, *others)


async def _unread(loop: Loop, base: Candidate, asked: Sequence[Pair]) -> Candidate:
    """The base with other examples than the cases: beside them every prompt is right."""
    if not base.serving.examples:
        return base
    hidden = set(asked)
    others = [pair for pair in (await _learned(loop)).pairs if pair not in hidden]
    update: Json = {"examples": 0, "examples_build": ""}
    if len(others) >= examples.LEAST:
        build = await examples.of_pairs(loop, others)
        update = {"examples_build": build.id}
    return base.model_copy(update={"serving": base.serving.model_copy(update=update)})


async def _learned(loop: Loop) -> examples.Build:
    train, _ = await examples.collected(loop)
    build, _ = await examples.write(loop, [train], is_clean=True)
    return build


async def cases(loop: Loop, seed: int) -> tuple[list[Pair], list[Pair]]:
    """(to learn from, to choose by), of what is collected. Raises TooFew."""
    build = await _learned(loop)
    # an entry would be among what the model reads
    said = [pair for pair in build.pairs if not examples.is_entry(pair.conversation)]
    learned, held = rules.cases_of(said, rules.HELD, LEARNED, seed)
    if len(learned) < LEAST - rules.HELD:
        msg = f"{len(said)} answers to learn from; a search for a prompt needs {LEAST}"
        raise TooFew(msg)
    return learned, held


def _name(loop: Loop, base: Candidate, reflector: str, first: str, calls: int, seed: int) -> str:
    """Of a search that can be taken up; its cases are as they were when it began."""
    return f"ps_{_digest([loop.assistant, base.model, reflector, first, calls, seed])}"


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _most(calls: int) -> int:
    """Calls at most: a round that was begun is ended."""
    return calls + 2 * rules.BATCH + rules.HELD


async def _reserve(loop: Loop, found: _Search, key: str, calls: int) -> Decimal:
    """Reserve what the search may cost at most. Raises Refused beyond a cap or without a price."""
    wanted = cost_of(loop, found.base, found.reflector.model, calls)
    async with loop.store.write() as tx:
        committed = await tx.training.committed_usd(loop.assistant, spending.this_month(loop))
        new = await tx.spendings.reserve(
            loop.assistant, key, f"prompt search on {found.base.model}", wanted, loop.clock.now()
        )
        if new:
            money.check_caps(
                wanted,
                committed,
                per_run=loop.settings.training_cap_run_usd,
                per_month=loop.settings.training_cap_month_usd,
            )
    return wanted


def cost_of(loop: Loop, base: Candidate, reflector: str, calls: int = CALLS) -> Decimal:
    """Dollars at most: each call reads the longest prompt and a case, a proposal writes a prompt.

    Raises Refused for a model without a price.
    """
    serving = base.serving
    is_free = loop.settings.chats_embedded and serving.base_url in {None, EMBEDDED}
    name = asking.served_name(base)
    prompt = max(rules.MOST_TOKENS, loop.tokens.count([prompt_of(loop, base)], name))
    beside = EXAMPLES_TOKENS * bool(serving.examples) + CASE_TOKENS * serving.entries
    reflections = _most(calls) // (2 * rules.BATCH) + 1
    read = _most(calls) * (prompt + beside + CASE_TOKENS)
    told = _price(loop, name, read, _most(calls) * CASE_TOKENS, is_free=is_free)
    read = reflections * (prompt + rules.BATCH * CASE_TOKENS)
    thought = _price(loop, reflector, read, reflections * prompt, is_free=is_free)
    return (told + thought).quantize(Decimal("0.0001"))


def _price(loop: Loop, model: str, read: int, written: int, *, is_free: bool) -> Decimal:
    found = money.price_of_answer(model, read, written, dict(loop.prices))
    if found is not None:
        return found
    if is_free:
        return Decimal(0)
    msg = (
        f"model {model!r} has no price of answers in the table; `kaeshi data update FILE` adds one"
    )
    raise Refused(msg)


async def _registered(
    loop: Loop, found: _Search, tried: Sequence[Tried], held: Sequence[Pair]
) -> Candidate:
    first = tried[0]
    best = max(tried, key=lambda one: sum(one.scores))
    if sum(best.scores) <= sum(first.scores):
        msg = (
            f"no better prompt was found: {sum(first.scores):.0f} of {len(held)} held-out cases "
            f"are right with the present one, and with none of {len(tried) - 1} others more"
        )
        raise Refused(msg)
    evidence: Json = {
        "right": sum(best.scores),
        "right_before": sum(first.scores),
        "of": len(held),
        "mends": _differ(held, best, first),
        "breaks": _differ(held, first, best),
        "changes": rules.changes(first.prompt, best.prompt),
        "removed": found.removed,
        "reflector": found.reflector.model,
        "calls": found.calls,
    }
    return await variants.register(
        loop, found.base, "prompt", evidence, opening=_opening(found.base, best.prompt)
    )


def _differ(held: Sequence[Pair], one: Tried, other: Tried) -> list[str]:
    """Questions that one prompt answers right and the other does not."""
    pairs: list[tuple[Pair, float, float]] = list(zip(held, one.scores, other.scores, strict=True))
    return [case.question for case, mine, theirs in pairs if mine > theirs][:SHOWN]
