"""Claims about store/examples.py."""

from kaeshi.loop import Loop
from kaeshi.steps import collection
from samples import learnable, rate


async def test_late_feedback_changes_a_verdict(loop: Loop) -> None:
    await learnable(loop, 3)
    assert (await collection.collect(loop)).total_kept == 3
    assert (await collection.collect(loop)).judged == 0
    await rate(loop, "c0001#1", author="somebody else", vote="down", rating=1)
    later = await collection.collect(loop)
    assert (later.judged, later.total_kept, dict(later.dropped)) == (1, 2, {"thumbs_down": 1})
