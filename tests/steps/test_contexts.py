"""What is learned from calls, weights and tools: logged, scrubbed, exported, checked."""

import json
from pathlib import Path
from typing import Any

import pytest

from kaeshi.formats.training_rows import parse_row
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback, Json
from kaeshi.steps import collection, conversation, dataset, feedback, knowledge, preferences
from kaeshi.steps.contexts import clean
from kaeshi.store.tables import contexts
from samples import record

BOOK: Json = {
    "type": "function",
    "function": {
        "name": "book_table",
        "description": "Books for jay.smith@example.com and others.",
        "parameters": {
            "type": "object",
            "properties": {"title": {"type": "string", "description": "Call 415-555-0123."}},
        },
    },
}
CALL: Json = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "book_table", "arguments": '{"title": "party"}'},
}
LOOSE = {"min_quality_tenths": None, "min_confidence": None, "missing_rating": "keep"}


async def rows_of(loop: Loop) -> list[Json]:
    wanted = collection.filters(loop).model_copy(update=LOOSE)
    built = await dataset.build(loop, wanted, least=0)
    return [parse_row(line) for line in built.lines]


async def logged(loop: Loop, *records: Json) -> None:
    done = await conversation.log(loop, records)
    assert done.refused == []


def with_calls(name: str, **more: Any) -> Json:
    told = record(name) | {"closed": True, "tools": [BOOK], "parallel_tool_calls": False} | more
    told["messages"] += [
        {"role": "user", "content": f"Book it for {name}"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
    ]
    return told


async def test_an_answer_marked_bad_is_exported_as_it_was_marked(loop: Loop) -> None:
    told = record("c1", "For ten?", "Five dollars.", "Really?", "550 dollars for ten adults.")
    told["closed"] = True
    told["messages"][1]["weight"] = 0
    await logged(loop, told)
    (row,) = await rows_of(loop)
    assert [m.get("weight") for m in row["messages"] if m["role"] == "assistant"] == [0, None]


async def test_what_ends_with_an_answer_marked_bad_is_learned_up_to_the_good_one(
    loop: Loop,
) -> None:
    told = record("c1", "For ten?", "550 dollars for ten adults.", "Really?", "No, five dollars.")
    told["closed"] = True
    told["messages"][3]["weight"] = 0
    await logged(loop, told)
    (row,) = await rows_of(loop)
    assert row["messages"][-1]["content"] == "550 dollars for ten adults."
    await collection.collect(loop, collection.filters(loop).model_copy(update=LOOSE))
    await knowledge.propose(loop)
    async with loop.store.read() as tx:
        entries = await tx.knowledge.entries(loop.assistant, ("proposed", "approved"))
    assert all("five dollars" not in entry.answer for entry, _ in entries)


async def test_a_conversation_whose_answers_are_all_marked_bad_is_not_learned(loop: Loop) -> None:
    told = record("c1") | {"closed": True}
    told["messages"][1]["weight"] = 0
    await logged(loop, told)
    assert await rows_of(loop) == []


@pytest.mark.parametrize("weight", [0.5, 2, -1, "0", True])
async def test_a_weight_that_no_training_file_has_is_refused(loop: Loop, weight: object) -> None:
    told = record("c1")
    told["messages"][1]["weight"] = weight
    done = await conversation.log(loop, [told])
    assert done.new == 0
    assert "weight" in done.refused[0]


async def test_thumbs_on_a_call_count_and_its_tools_are_in_the_row(loop: Loop) -> None:
    await logged(loop, with_calls("c1"))
    await feedback.record(loop, [Feedback(message_id="c1#3", vote="up", rating=5, author="ann")])
    (row,) = await rows_of(loop)
    assert row["messages"][-1]["tool_calls"] == [CALL]
    assert row["tools"][0]["function"]["name"] == "book_table"
    assert row["parallel_tool_calls"] is False


async def test_tools_are_stored_once_and_never_with_personal_data(loop: Loop) -> None:
    await logged(loop, *(with_calls(f"c{i}") for i in range(5)))
    async with loop.store.read() as tx:
        stored = (await tx.connection.execute(contexts.select())).all()
    assert len(stored) == 1
    assert "jay.smith@example.com" not in stored[0].body
    assert "415-555-0123" not in stored[0].body
    function = json.loads(stored[0].body)["tools"][0]["function"]
    assert function["name"] == "book_table"
    assert set(function["parameters"]["properties"]) == {"title"}


async def test_what_cannot_be_scrubbed_is_not_stored(loop: Loop, monkeypatch: Any) -> None:
    def fails(*_: object, **__: object) -> object:
        raise RuntimeError

    monkeypatch.setattr("kaeshi.steps.contexts.pii.scrub", fails)
    assert clean(loop, {"tools": [BOOK], "tool_choice": "auto"}) == {}


async def test_a_row_that_no_trainer_takes_is_left_out_and_counted(loop: Loop) -> None:
    told = with_calls("c1")
    told["messages"] += [
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": "Your table is number seven, by the window."},
    ]
    await logged(loop, told)  # the call has no result
    wanted = collection.filters(loop).model_copy(update=LOOSE)
    built = await dataset.build(loop, wanted, least=0)
    assert built.lines == ()
    assert built.manifest["dropped"]["unfit"] == 1


async def test_the_manifest_says_what_each_row_was_offered(loop: Loop) -> None:
    choice = {"tool_choice": "auto", "response_format": {"type": "json_object"}}
    await logged(
        loop, with_calls("c1", **choice), record("c2", "Open?", "Until nine.", closed=True)
    )
    wanted = collection.filters(loop).model_copy(update=LOOSE)
    built = await dataset.build(loop, wanted, least=0)
    ((name, offered),) = built.manifest["contexts"].items()
    assert offered["tool_choice"] == "auto"
    assert offered["response_format"] == {"type": "json_object"}
    told = {line["conversation"]: line.get("context") for line in built.manifest["lineage"]}
    assert told == {"c1": name, "c2": None}


async def test_exports_of_preferences_hold_the_tools_too(loop: Loop, tmp_path: Path) -> None:
    await logged(loop, with_calls("c1"))
    await feedback.record(loop, [Feedback(message_id="c1#3", vote="up", author="ann")])
    path = tmp_path / "sft.jsonl"
    assert await preferences.export(loop, path, "sft", "openai") == 1
    row = parse_row(path.read_bytes().strip())
    assert row["tools"][0]["function"]["name"] == "book_table"
    assert row["messages"][-1]["weight"] == 1
