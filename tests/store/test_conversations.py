"""Claims about store/conversations.py."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from kaeshi.errors import NotFound
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock
from kaeshi.steps import conversation, feedback
from samples import log, record


async def test_logging_twice_changes_nothing(loop: Loop) -> None:
    raw = record("c", "How much?", "550 dollars.", outcome={"escalated": False, "booked": True})
    first, again = await conversation.log(loop, [raw]), await conversation.log(loop, [raw, raw])
    assert (first.new, first.messages) == (1, 2)
    assert (again.new, again.grown, again.unchanged, again.refused) == (0, 0, 2, [])


async def test_a_conversation_grows_and_opens_again(loop: Loop) -> None:
    await log(loop, record("c", "How much?", "550 dollars."))
    assert (await conversation.show(loop, "c"))["closed_at"]
    done = await conversation.log(
        loop, [record("c", "How much?", "550 dollars.", "And for kids?", "30 dollars each.")]
    )
    shown = await conversation.show(loop, "c")
    assert done.grown == 1
    assert [m["content"] for m in shown["messages"]] == [
        "How much?",
        "550 dollars.",
        "And for kids?",
        "30 dollars each.",
    ]


async def test_a_message_is_never_rewritten_and_belongs_to_one_conversation(loop: Loop) -> None:
    await log(loop, record("c", "How much?", "550 dollars."))
    rewritten = await conversation.log(loop, [record("c", "How much?", "1 dollar.")])
    assert "another text" in rewritten.refused[0]
    stolen = record("d", "How much?", "550 dollars.")
    stolen["messages"][0]["message_id"] = "c#0"
    assert "belongs to conversation 'c'" in (await conversation.log(loop, [stolen])).refused[0]
    assert (await conversation.show(loop, "c"))["messages"][1]["content"] == "550 dollars."


async def test_late_and_repeated_outcomes_are_welcome_and_the_latest_counts(
    loop: Loop, clock: FakeClock
) -> None:
    await log(loop, record("c", outcome={"escalated": False}))
    assert (await conversation.show(loop, "c"))["contained"] is True
    late = clock.now()
    assert await conversation.report_outcome(loop, "c", {"escalated": True}, at=late) == 1
    assert await conversation.report_outcome(loop, "c", {"escalated": True}, at=late) == 0
    assert (
        await conversation.report_outcome(
            loop, "c", {"escalated": False}, at=late - timedelta(days=400)
        )
        == 1
    )
    shown = await conversation.show(loop, "c")
    assert shown["outcome"]["escalated"] is True
    assert shown["contained"] is False
    with pytest.raises(NotFound, match="nobody"):
        await conversation.report_outcome(loop, "nobody", {"booked": True})


async def test_unknown_messages_store_nothing(loop: Loop) -> None:
    from kaeshi.rules.feedback import parse as said

    await log(loop, record("c"))
    with pytest.raises(NotFound, match="no_such"):
        await feedback.record(loop, [said("c#1", {"vote": "up"}), said("no_such", {"vote": "up"})])
    assert (await feedback.analytics(loop, 30))["total_feedback"] == 0


async def test_assistants_do_not_see_each_other(loop: Loop) -> None:
    await log(loop, record("c"), record("c", "Other?", "Other answer.", assistant="second"))
    async with loop.store.read() as tx:
        assert await tx.conversations.count("main") == await tx.conversations.count("second") == 1


async def test_the_same_conversation_from_many_at_once_is_stored_once(loop: Loop) -> None:
    results = await asyncio.gather(
        *(conversation.log(loop, [record("c")]) for _ in range(8)), return_exceptions=True
    )
    assert not [r for r in results if isinstance(r, BaseException)]
    assert sum(r.new for r in results if not isinstance(r, BaseException)) == 1


async def test_dropping_a_key_erases_what_was_said(loop: Loop) -> None:
    await log(loop, record("c"))
    async with loop.store.write() as tx:
        await tx.connection.execute(text("update customers set wrapped_key = null"))
    with pytest.raises(NotFound):
        await conversation.show(loop, "c")
