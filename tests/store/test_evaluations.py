"""Claims about store/evaluations.py."""

from datetime import timedelta

from kaeshi.loop import Loop
from kaeshi.nouns import CaseResult, Evaluation, TestCase

ASKED = TestCase(id="price", messages=({"role": "user", "content": "For ten?"},), must_say=("550",))


async def test_a_changed_case_is_its_next_version_and_an_equal_one_none(loop: Loop) -> None:
    changed = ASKED.model_copy(update={"must_say": ("600",)})
    versions = []
    for case in (ASKED, ASKED, changed, changed, ASKED):
        async with loop.store.write() as tx:
            stored = await tx.evaluations.add_case(loop.assistant, case, loop.clock.now())
        versions.append(stored.version)
    assert versions == [1, 1, 2, 2, 3]
    async with loop.store.read() as tx:
        (latest,) = await tx.evaluations.cases(loop.assistant)
        assert await tx.evaluations.cases("another") == []
    assert (latest.version, latest.must_say) == (3, ("550",))


async def test_results_come_back_whole_and_the_latest_first(loop: Loop) -> None:
    result = CaseResult(case="price", passed=False, why="'550' is missing", answer="Ask the host.")
    for i, model in enumerate(("a", "a", "b")):
        async with loop.store.write() as tx:
            await tx.evaluations.add(
                Evaluation(
                    id=f"ev{i}",
                    assistant=loop.assistant,
                    model=model,
                    cases_sha256="c",
                    passed=0,
                    failed=1,
                    results=(result,),
                    at=loop.clock.now() + timedelta(hours=i),
                )
            )
    async with loop.store.read() as tx:
        found = await tx.evaluations.of_models(loop.assistant, ["a"])
    assert [e.id for e in found] == ["ev1", "ev0"]
    assert found[0].results == (result,)
