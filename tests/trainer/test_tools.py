"""Function calls: what may be offered, and how an answer is split into text and calls."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput
from kaeshi.trainer.engines.lora.tools import Call, Reader, offered, plain


def function(name: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }


BOTH = offered([function("quote"), function("book")], None, several=True)
CALL = '<tool_call>\n{"name": "book", "arguments": {"city": "Rome"}}\n</tool_call>'
ROME = Call(name="book", arguments='{"city": "Rome"}')


def read(form: Any, *pieces: str) -> list[str | Call]:
    assert BOTH is not None
    reader = Reader(form, BOTH)
    found = [
        part
        for i, piece in enumerate(pieces)
        for part in reader.take(piece, over=i == len(pieces) - 1)
    ]
    return together(found)


def together(parts: list[str | Call]) -> list[str | Call]:
    found: list[str | Call] = []
    for part in parts:
        if found and isinstance(part, str) and isinstance(last := found[-1], str):
            found[-1] = last + part
        else:
            found.append(part)
    return found


@pytest.mark.parametrize(
    ("form", "text", "parts"),
    [
        ("tagged", "Which city?", ["Which city?"]),
        ("tagged", CALL, [ROME]),
        ("tagged", f"I book it.\n{CALL}\n{CALL}\n", ["I book it.", ROME, ROME]),
        (
            "tagged",
            '<tool_call>{"name": "fly", "arguments": {}}</tool_call>',
            ['<tool_call>{"name": "fly", "arguments": {}}</tool_call>'],
        ),
        ("tagged", "<tool_call>\nnever closed", ["<tool_call>\nnever closed"]),
        ("tagged", CALL.removesuffix("\n</tool_call>"), [ROME]),
        (
            "tagged",
            CALL.replace("Rome", "</tool_call>") + CALL,
            [Call(name="book", arguments='{"city": "</tool_call>"}'), ROME],
        ),
        ("tagged", f"<tool_call>no</tool_call>{CALL}", ["<tool_call>no</tool_call>", ROME]),
        ("tagged", 'a < b, {"name": 1}', ['a < b, {"name": 1}']),
        ("whole", '{"name": "book", "parameters": {"city": "Rome"}}', [ROME]),
        ("whole", '{"name": "fly", "parameters": {}}', ['{"name": "fly", "parameters": {}}']),
        ("whole", "Which city?", ["Which city?"]),
        ("whole", "{cut", ["{cut"]),
    ],
)
def test_text_and_calls_are_told_apart(form: str, text: str, parts: list[Any]) -> None:
    assert read(form, text) == parts
    assert read(form, *text, "") == parts


@given(
    st.lists(
        st.sampled_from(
            ["Hi", " ", "\n", "<", "<tool_call>", "</tool_call>", CALL, "{", '{"name"', "o"]
        ),
        max_size=8,
    ),
    st.data(),
)
def test_where_an_answer_is_cut_changes_nothing(words: list[str], data: st.DataObject) -> None:
    text = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    for form in ("tagged", "whole"):
        assert read(form, *pieces) == read(form, text)


@given(st.text(alphabet="ab <>{}\n", max_size=60))
def test_without_a_call_nothing_is_lost(text: str) -> None:
    assert "".join(map(str, read("tagged", *text, ""))) == text


@pytest.mark.parametrize(
    ("tools", "choice", "fault"),
    [
        (None, "required", "without tools"),
        (["x"], None, r"tools\[0\]"),
        ([{"type": "custom", "custom": {"name": "x"}}], None, r"tools\[0\]"),
        ([{"type": "function", "function": {"name": "x", "parameters": []}}], None, r"tools\[0\]"),
        (
            [function("quote")],
            {"type": "function", "function": {"name": "fly"}},
            "one of the functions quote",
        ),
        ([function("quote")], "always", "none, auto, required"),
    ],
)
def test_what_cannot_be_offered_is_refused(tools: Any, choice: Any, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        offered(tools, choice, several=True)


def test_an_offer_says_what_may_and_what_must_be_called() -> None:
    both = [function("quote"), function("book")]
    named = offered(both, {"type": "function", "function": {"name": "book"}}, several=True)
    assert named is not None
    assert (
        len(named.shown),
        [f["function"]["name"] for f in named.allowed],
        named.must,
        named.several,
    ) == (2, ["book"], True, False)
    assert offered(both, "none", several=True) is None
    assert offered(both, "auto", several=False) == offered(both, None, several=False)


def test_templates_read_arguments_as_values() -> None:
    message = {
        "role": "assistant",
        "content": None,
        "weight": 1,
        "tool_calls": [
            {
                "id": "c",
                "type": "function",
                "function": {"name": "book", "arguments": '{"city": "Rome"}'},
            }
        ],
    }
    assert plain(message) == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": "c",
                "type": "function",
                "function": {"name": "book", "arguments": {"city": "Rome"}},
            }
        ],
    }


@pytest.mark.parametrize("none", [None, []])
def test_no_calls_are_no_field_for_a_template(none: Any) -> None:
    assert plain({"role": "assistant", "content": "Hi.", "tool_calls": none}) == {
        "role": "assistant",
        "content": "Hi.",
    }


@pytest.mark.parametrize(
    "calls",
    [
        "book",
        ["book"],
        [{"id": "c"}],
        [{"function": {"name": "book"}}],
        [{"function": {"name": "book", "arguments": "["}}],
        [{"function": {"name": "book", "arguments": "[]"}}],
        [{"function": {"name": "book", "arguments": "[" * 100_000}}],
    ],
)
def test_calls_that_are_not_as_at_openai_are_refused(calls: Any) -> None:
    with pytest.raises(InvalidInput, match="tool_calls"):
        plain({"role": "assistant", "content": None, "tool_calls": calls})


def test_a_call_nested_without_end_is_text() -> None:
    endless = f"<tool_call>{'[' * 100_000}</tool_call>"
    assert read("tagged", endless) == [endless]
