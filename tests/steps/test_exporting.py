"""What leaves the store can be imported again, and is scrubbed unless asked otherwise."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaeshi.app import open_loop
from kaeshi.errors import InvalidInput
from kaeshi.formats import exports
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.settings import Settings
from kaeshi.steps import exporting, importing
from kaeshi.steps.importing import Logs
from samples import learnable, log, rate, record

NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)
texts = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)


async def all_of(loop: Loop, **asked: Any) -> list[dict[str, Any]]:
    return [r async for part in exporting.exported(loop, **asked) for r in part.records]


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Loop]:
    """A store in another place, with another master key."""
    chosen = Settings(kaeshi_data_dir=tmp_path / "other", kaeshi_names="lists")
    async with open_loop(settings=chosen, clock=FakeClock(NOON), ids=FakeIds()) as opened:
        yield opened


async def reimported(loop: Loop, records: list[dict[str, Any]], folder: Path) -> None:
    path = folder / "again.jsonl"
    with exports.writing(path, "jsonl") as write:
        write(records)
    async for done in importing.imported(loop, Logs(path=path)):
        assert done.refused == []


def without_customers(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pseudonyms differ between stores, and nothing else does."""
    for each in records:
        each["customer_id"] = ""
        for message in each["messages"]:
            for opinion in message.get("feedback", []):
                opinion.pop("author", None)
    return records


async def test_what_is_exported_raw_and_imported_elsewhere_is_the_same(
    loop: Loop, empty: Loop, tmp_path: Path
) -> None:
    await learnable(loop, 3)
    await log(
        loop,
        record(
            "c",
            "I am Anna Bennett",
            "Hi!",
            outcome={"booked": True, "guests": 10},
            closed=True,
            arm="candidate",
            experiment="ro_1",
            share=0.5,
            tools=[{"type": "function", "function": {"name": "book", "parameters": {}}}],
        ),
    )
    await rate(loop, "c#1", author="ann", vote="down", rating=2)
    first = await all_of(loop, raw=True)
    await reimported(empty, first, tmp_path)
    assert without_customers(await all_of(empty, raw=True)) == without_customers(first)
    assert first[0]["messages"][0]["content"] == "I am Anna Bennett"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=4))
async def test_any_words_survive_the_way_out_and_in(tmp_path: Path, said: list[list[str]]) -> None:
    folder = tmp_path / str(abs(hash(str(said))))
    chosen = [Settings(kaeshi_data_dir=folder / n, kaeshi_names="lists") for n in ("a", "b")]
    async with open_loop(settings=chosen[0]) as loop, open_loop(settings=chosen[1]) as other:
        await log(loop, *(record(f"c{i}", *words) for i, words in enumerate(said)))
        first = await all_of(loop, raw=True)
        await reimported(other, first, folder)
        assert without_customers(await all_of(other, raw=True)) == without_customers(first)


async def test_personal_data_stays_inside_unless_raw_is_asked_for(loop: Loop) -> None:
    words = "I am Anna Bennett, anna@example.com, 415-555-0132."
    await log(
        loop,
        record(
            "chat with anna@example.com", words, "Hi Anna!", outcome={"note": "call Anna Bennett"}
        ),
        record("c2", "Hello", "Hi!"),
    )
    said = json.dumps(await all_of(loop))
    for secret in ("Anna", "Bennett", "example.com", "0132", "customer of"):
        assert secret not in said
    assert '"conversation_id": "c2"' in said
    assert "anna@example.com" in json.dumps(await all_of(loop, raw=True))


async def test_a_time_bounds_what_is_exported_and_pages_lose_nothing(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    days = [f"2025-10-{day:02d}T12:00:00+00:00" for day in (1, 1, 1, 2, 3, 4, 5)]
    await log(
        loop,
        *(
            record(
                f"c{i}", "Hi", "Hello", started_at=at, messages=[{"role": "user", "content": "x"}]
            )
            for i, at in enumerate(days)
        ),
    )
    names = [r["conversation_id"] for r in await all_of(loop)]
    assert names == [f"c{i}" for i in range(7)]
    since, until = datetime(2025, 10, 2, tzinfo=UTC), datetime(2025, 10, 4, 12, tzinfo=UTC)
    assert [r["conversation_id"] for r in await all_of(loop, since=since, until=until)] == [
        "c3",
        "c4",
    ]


async def test_a_parquet_file_has_a_row_for_each_message(loop: Loop, tmp_path: Path) -> None:
    from pyarrow import parquet

    await learnable(loop, 3)
    path = tmp_path / "all.parquet"
    with exports.writing(path, exports.format_of(path, None)) as write:
        async for part in exporting.exported(loop):
            write(part.records)
    rows = parquet.read_table(path).to_pylist()
    assert len(rows) == 6
    assert rows[1]["role"] == "assistant"
    assert rows[1]["confidence"] == 0.95
    assert json.loads(rows[1]["feedback"])[0]["rating"] == 5
    assert rows[0]["started_at"] == datetime(2025, 10, 31, 12, tzinfo=UTC)
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_is_whole_or_absent_and_an_unknown_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with pytest.raises(TypeError), exports.writing(path, "jsonl") as write:
        write([{"a": 1}, {"b": object()}])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvalidInput, match="jsonl, parquet"):
        exports.format_of(path, "xlsx")


async def test_ids_and_numbers_are_scrubbed_like_words(loop: Loop) -> None:
    said = [
        {"role": "user", "content": "Hi", "message_id": "mail of anna@example.com"},
        {"role": "assistant", "content": "Hello", "message_id": "tel 415-555-0132"},
    ]
    facts = {"card": 4111111111111111, "guests": 10, "booked": True}
    await log(loop, record("c", messages=said, outcome=facts))
    (found,) = await all_of(loop)
    assert [m["message_id"] for m in found["messages"]] == ["c#0", "c#1"]
    assert found["outcome"] == {"card": "[CREDIT_CARD_1]", "guests": 10, "booked": True}
