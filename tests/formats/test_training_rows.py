"""Rows of training files, by OpenAI's rules."""

import json
from typing import Any

import pytest

from kaeshi.formats.training_rows import as_written, preference_fault, row_fault
from kaeshi.nouns import Json
from kaeshi.rules.dataset import check

ASK = {"role": "user", "content": "A table?"}
SAY = {"role": "assistant", "content": "At seven."}
CALL = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": '{"n": 2}'}}
CALLS = {"role": "assistant", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "done"}
BOOK = {"type": "function", "function": {"name": "book", "parameters": {"type": "object"}}}


def row(*messages: Json, **more: Any) -> Json:
    return {"messages": list(messages), **more}


GOOD = {
    "plain": row(ASK, SAY),
    "system and developer": row({"role": "system", "content": "x"}, ASK, SAY),
    "weights": row(ASK, {**SAY, "weight": 0}, ASK, {**SAY, "weight": 1}),
    "a call at the end": row(ASK, CALLS, tools=[BOOK]),
    "a call with its result": row(ASK, CALLS, RESULT, SAY, tools=[BOOK], parallel_tool_calls=False),
    "an image from the customer": row(
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y"}}]},
        SAY,
    ),
    "a function of 2023": row(
        ASK,
        {"role": "assistant", "content": None, "function_call": CALL["function"]},
        {"role": "function", "name": "book", "content": "done"},
        SAY,
        functions=[BOOK["function"]],
    ),
    "a refusal": row(ASK, {"role": "assistant", "content": None, "refusal": "No."}),
}
BAD = {
    "no messages": (row(), "no list of messages"),
    "a weight of one half": (row(ASK, {**SAY, "weight": 0.5}), "message 2: weight 0.5"),
    "a weight that is true": (row(ASK, {**SAY, "weight": True}), "weight True"),
    "a weight of a customer": (row({**ASK, "weight": 1}, SAY), "message 1: weight belongs"),
    "all of weight 0": (row(ASK, {**SAY, "weight": 0}), "nothing would be learned"),
    "a result without an id": (
        row(ASK, CALLS, {"role": "tool", "content": "done"}, SAY),
        "message 3: a tool message has no tool_call_id",
    ),
    "a result without a call": (row(ASK, RESULT, SAY), "message 2: tool_call_id 'c1' answers no"),
    "a call without its result": (row(ASK, CALLS, ASK, SAY), "message 3: the call 'c1'"),
    "a result twice": (row(ASK, CALLS, RESULT, RESULT, SAY), "message 4: tool_call_id"),
    "an image of the assistant": (
        row(ASK, {"role": "assistant", "content": [{"type": "image_url", "image_url": {}}]}),
        "message 2: a part of type 'image_url' is not allowed from 'assistant'",
    ),
    "an unknown role": (row(ASK, {"role": "bot", "content": "x"}), "message 2: role 'bot'"),
    "an unknown field": (row(ASK, {**SAY, "rating": 5}), "message 2: 'rating'"),
    "an unknown field of the row": (row(ASK, SAY, answer="x"), "'answer'"),
    "the customer last": (row(ASK, SAY, ASK), "the last message is from 'user'"),
    "no customer": (row(SAY), "no user message"),
    "empty content": (row(ASK, {"role": "assistant", "content": " "}), "empty content"),
    "arguments as an object": (
        row(
            ASK,
            {
                "role": "assistant",
                "tool_calls": [{**CALL, "function": {"name": "book", "arguments": {"n": 2}}}],
            },
        ),
        "arguments are not a text",
    ),
    "arguments that are no JSON": (
        row(
            ASK,
            {
                "role": "assistant",
                "tool_calls": [{**CALL, "function": {"name": "book", "arguments": "{n: 2"}}],
            },
        ),
        "arguments are not JSON",
    ),
    "a call of no tool": (
        row(ASK, CALLS, tools=[{"type": "function", "function": {"name": "cook"}}]),
        "a call of 'book', which is none of the row's tools",
    ),
    "a tool with a space": (
        row(ASK, SAY, tools=[{"type": "function", "function": {"name": "a table"}}]),
        "tool 1: the name 'a table'",
    ),
    "a call of the customer": (row({**ASK, "tool_calls": [CALL]}, SAY), "tool_calls belongs"),
    "a name with a space": (row({**ASK, "name": "Ann Lee"}, SAY), "the name 'Ann Lee'"),
    "NUL": (row(ASK, {"role": "assistant", "content": "a\0b"}), "NUL"),
}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_rows_that_openai_takes(good: Json) -> None:
    assert row_fault(good) is None
    assert check([json.dumps(good).encode()], least=1) == []


@pytest.mark.parametrize(("bad", "why"), BAD.values(), ids=BAD)
def test_rows_that_openai_refuses_and_why(bad: Json, why: str) -> None:
    fault = row_fault(bad)
    assert fault is not None
    assert why in fault
    (told,) = check([b"", json.dumps(bad).encode()], least=1)
    assert told == f"line 2: {fault}"


def test_preferences_are_checked_by_their_own_rules() -> None:
    good = {
        "input": {"messages": [ASK], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [SAY],
        "non_preferred_output": [{"role": "assistant", "content": "Go away."}],
    }
    assert preference_fault(good) is None
    assert check([json.dumps(good).encode()], least=1) == []
    assert "not the assistant's" in str(preference_fault({**good, "preferred_output": [ASK]}))
    assert "no input.messages" in str(preference_fault({**good, "preferred_output": []}))


def test_messages_are_written_as_files_take_them() -> None:
    stored = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "tool_calls": [{"function": {"name": "f", "arguments": "{}"}, "extra_content": {}}],
    }
    assert as_written(stored) == {
        "role": "assistant",
        "tool_calls": [
            {"type": "function", "function": {"name": "f", "arguments": "{}"}, "id": "call_0"}
        ],
    }
    refused = {"role": "assistant", "content": None, "refusal": "No.", "tool_calls": []}
    assert as_written(refused) == {"role": "assistant", "content": "No."}
