"""Claims about steps/conversation.py."""

import asyncio
import json
from pathlib import Path
from typing import Any

from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock
from kaeshi.steps import (
    collection,
    conversation,
    feedback,
    importing,
)
from samples import GOOD, log, rate, record


async def lines(loop: Loop, folder: Path, *raw: bytes) -> Any:
    path = folder / "log.jsonl"
    path.write_bytes(b"\n".join(raw))
    return await anext(importing.imported(loop, importing.Logs(path=path), consent="granted"))


async def test_a_bad_line_is_refused_with_its_place_and_stops_nothing(
    loop: Loop, tmp_path: Path
) -> None:
    done = await lines(
        loop,
        tmp_path,
        json.dumps(record("a")).encode(),
        b"{broken",
        b"",
        json.dumps({"messages": []}).encode(),
        json.dumps(record("b")).encode(),
    )
    assert done.new == 2
    assert sorted(Path(why.split(":")[0]).name for why in done.refused) == [
        "log.jsonl, line 2",
        "log.jsonl, line 4",
    ]


async def test_an_idle_conversation_closes_and_a_fresh_one_does_not(
    loop: Loop, clock: FakeClock
) -> None:
    fresh = record("c")
    for message in fresh["messages"]:
        message["at"] = clock.now().isoformat()
    await log(loop, fresh)
    assert await conversation.close_idle(loop) == 0
    assert (await collection.collect(loop)).judged == 0
    clock.advance(minutes=31)
    assert await conversation.close_idle(loop) == 1
    assert (await collection.collect(loop)).judged == 1


async def test_feedback_files_are_read_and_bad_lines_counted(loop: Loop) -> None:
    await log(
        loop,
        record("c"),
        record("d", "How much?", "It is 550 dollars.", "Thanks", "You are welcome!"),
    )
    raw = [
        ("1", {"message_id": "c#1", **GOOD}),
        ("2", {"message_id": "c#1", "rating": 9}),
        ("3", {"message_id": "nobody", "vote": "up"}),
        (
            "4",
            {
                **record("d", "How much?", "It is 550 dollars.", "Thanks", "You are welcome!"),
                "feedback": {"thumbs": "down"},
            },
        ),
        ("5", record("d")),
    ]
    done = await feedback.import_records(loop, raw)
    assert (done.recorded, done.without, len(done.refused)) == (2, 1, 2)
    async with loop.store.read() as tx:
        assert [position for position, _ in (await tx.feedback.on("main", ["d"]))["d"]] == [1]


async def test_many_writers_lose_nothing(loop: Loop) -> None:
    await log(loop, *(record(f"c{i}") for i in range(20)))
    await asyncio.gather(
        *(rate(loop, f"c{i}#1", author=f"a{n}") for i in range(20) for n in range(3))
    )
    assert (await feedback.analytics(loop, 1000))["total_feedback"] == 60
