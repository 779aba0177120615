"""Evaluates a model on test cases, which no model is trained on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kaeshi.errors import InvalidInput, KaeshiError, TooFew
from kaeshi.loop import Loop
from kaeshi.nouns import CaseResult, Evaluation, Json, TestCase
from kaeshi.rules import evaluation as rules
from kaeshi.steps import asking
from kaeshi.steps.shelf import Shelf


async def add(
    loop: Loop, raw: Iterable[tuple[str, Mapping[str, Any] | InvalidInput]]
) -> tuple[list[TestCase], list[str]]:
    """Store test cases; each record comes with its place, and a bad one is refused with it."""
    stored = []
    refused = []
    for where, record in raw:
        try:
            if isinstance(record, InvalidInput):
                raise record
            case = rules.parse(record)
        except InvalidInput as error:
            refused.append(f"{where}: {error}")
            continue
        async with loop.store.write() as tx:
            stored.append(await tx.evaluations.add_case(loop.assistant, case, loop.clock.now()))
    return stored, refused


async def both(
    loop: Loop, candidate: str, production: str
) -> tuple[Evaluation, Evaluation] | tuple[None, None]:
    """Both on the test cases; None without any."""
    try:
        return await run(loop, candidate), await run(loop, production)
    except TooFew:
        return None, None


async def run(loop: Loop, model: str) -> Evaluation:
    """Ask the model every test case and judge the answers.

    Raises TooFew without test cases.
    """
    async with loop.store.read() as tx:
        cases = await tx.evaluations.cases(loop.assistant)
    if not cases:
        msg = (
            f"assistant {loop.assistant!r} has no test cases; add some with `kaeshi evaluation "
            "add FILE` (fifty are a good start)"
        )
        raise TooFew(msg)
    candidate = await asking.candidate_named(loop, model)
    shelf = Shelf()
    results = [
        rules.judge(case, await asking.answer(loop, shelf, candidate, case.messages))
        for case in cases
    ]
    evaluation = _evaluation_of(results, loop, model, cases)
    async with loop.store.write() as tx:
        await tx.evaluations.add(evaluation)
    return evaluation


def _evaluation_of(
    results: list[CaseResult], loop: Loop, model: str, cases: list[TestCase]
) -> Evaluation:
    passed = sum(r.passed for r in results)
    return Evaluation(
        id=loop.ids.new("eval"),
        assistant=loop.assistant,
        model=model,
        cases_sha256=rules.cases_digest(cases),
        passed=passed,
        failed=len(results) - passed,
        results=tuple(results),
        at=loop.clock.now(),
    )


async def compare(loop: Loop, model: str, other: str) -> Json:
    """Both models' latest results on the same cases, and the cases they differ on.

    Raises InvalidInput when their cases differ.
    """
    async with loop.store.read() as tx:
        found = {
            name: next(iter(await tx.evaluations.of_models(loop.assistant, [name])), None)
            for name in (model, other)
        }
    a = found[model]
    b = found[other]
    if a is None or b is None:
        unknown = model if a is None else other
        msg = f"model {unknown!r} has not been evaluated; type: kaeshi evaluation run {unknown}"
        raise InvalidInput(msg)
    if a.cases_sha256 != b.cases_sha256:
        msg = f"{model!r} and {other!r} were judged by different test cases; run both again"
        raise InvalidInput(msg)
    return _compared(a, b)


def _compared(a: Evaluation, b: Evaluation) -> Json:
    theirs = {r.case: r for r in b.results}
    return {
        a.model: {"passed": a.passed, "failed": a.failed},
        b.model: {"passed": b.passed, "failed": b.failed},
        "won": [r.case for r in a.results if r.passed and not theirs[r.case].passed],
        "lost": [
            {"case": r.case, "why": r.why}
            for r in a.results
            if not r.passed and theirs[r.case].passed
        ],
    }


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The offline gate's verdict on a candidate. `passed` is None without test cases."""

    passed: bool | None
    why: str


async def gate(loop: Loop, candidate: str, production: str | None) -> Gate:
    """Whether the candidate keeps every promise that production keeps, each asked as served.

    A candidate or a production that cannot be asked fails the gate, with the reason.
    """
    async with loop.store.read() as tx:
        cases = await tx.evaluations.cases(loop.assistant)
    if not cases:
        return Gate(passed=None, why="no test cases are stored, so the gate has nothing to check")
    try:
        mine = await run(loop, candidate)
        theirs = None if production is None else await run(loop, production)
    except KaeshiError as error:
        return Gate(passed=False, why=f"a model could not be asked in the gate: {error}")
    lost = rules.lost_promises(mine, theirs)
    if lost:
        why = (
            f"the offline evaluation failed: {len(lost)} of {len(cases)} test cases, {lost[0]!r} "
            "first"
        )
        return Gate(passed=False, why=why)
    return Gate(passed=True, why="the offline evaluation passed")
