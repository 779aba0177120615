"""Claims about steps/evaluation.py."""

from kaeshi.loop import Loop
from kaeshi.steps import (
    evaluation,
)


async def test_a_case_that_changes_is_a_new_version(loop: Loop) -> None:
    for expected in ("a", "a", "b"):
        await evaluation.add(loop, [("f", {"id": "x", "question": "q?", "expected": expected})])
    async with loop.store.read() as tx:
        assert [(c.version, c.expected) for c in await tx.evaluations.cases("main")] == [(2, "b")]
