"""By which states a conversation is recognised."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import Json
from kaeshi.rules.canonical import canonical
from kaeshi.rules.threads import (
    ids_given,
    references,
    root,
    states_after,
    states_before,
)

CALL = {
    "id": "call_0123456789abcdef",
    "type": "function",
    "function": {"name": "book", "arguments": '{"day": "Friday", "n": 2}'},
}


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def bot(text: str, **more: Any) -> Json:
    return {"role": "assistant", "content": text, **more}


TALK = [
    user("A table for two, please"),
    bot("For which day?"),
    user("Friday"),
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": CALL["id"], "content": '{"ok": true, "table": 7}'},
    bot("Table seven is yours."),
]


def respelt_arguments(message: Json, data: st.DataObject) -> Json:
    """As an agent framework dumps a call anew."""
    if "tool_calls" not in message:
        return message
    call = message["tool_calls"][0]
    parsed = json.loads(call["function"]["arguments"])
    keys = data.draw(st.permutations(sorted(parsed)))
    written = json.dumps(
        {key: parsed[key] for key in keys},
        separators=data.draw(st.sampled_from([None, (",", ":")])),
    )
    changed = {**call, "function": {**call["function"], "arguments": written}}
    if data.draw(st.booleans()):
        changed.pop("id")
    return {**message, "tool_calls": [changed]}


def padded(message: Json, data: st.DataObject) -> Json:
    content = message.get("content")
    if not isinstance(content, str):
        return message
    around = st.sampled_from(["", " ", "\n", "\r\n  "])
    return {**message, "content": data.draw(around) + content + data.draw(around)}


def in_parts(message: Json, data: st.DataObject) -> Json:
    content = message.get("content")
    if not isinstance(content, str) or data.draw(st.booleans()):
        return message
    part = {"type": "text", "text": content, "cache_control": {"type": "ephemeral"}}
    return {**message, "content": [part]}


def thinking(message: Json, data: st.DataObject) -> Json:
    if message["role"] != "assistant" or data.draw(st.booleans()):
        return message
    thought = {"reasoning_content": "Hm.", "refusal": None, "annotations": []}
    if isinstance(message.get("content"), str) and data.draw(st.booleans()):
        return {**message, "content": f"<think>Hm.\n</think>\n{message['content']}", **thought}
    return {**message, **thought}


def emptied(message: Json, data: st.DataObject) -> Json:
    if message.get("content") is not None:
        return message
    return {**message, "content": data.draw(st.sampled_from(["", None, []]))}


CHANGES = (respelt_arguments, thinking, padded, in_parts, emptied)


@given(st.data())
def test_any_change_that_clients_make_of_a_history_keeps_its_state(data: st.DataObject) -> None:
    changed = list(TALK)
    for change in CHANGES:
        changed = [change(message, data) for message in changed]
    if data.draw(st.booleans()):
        changed.insert(0, {"role": "system", "content": "Today is Monday."})
    if data.draw(st.booleans()):
        changed.insert(data.draw(st.integers(0, len(changed))), bot(""))
    assert canonical(changed) == canonical(TALK)
    last = states_after(TALK[:-1], TALK[-1], ())
    upto = len(changed) - next(i for i, m in enumerate(reversed(changed)) if m.get("content"))
    now = states_before(changed[:upto], upto, (), is_named=True)
    assert {s.key for s in last if not s.is_window} <= {s.key for s in now}


@given(st.data())
def test_other_words_are_another_state(data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([0, 1, 2, 5]))
    changed = list(TALK)
    changed[at] = {**changed[at], "content": changed[at]["content"] + "!"}
    assert canonical(changed) != canonical(TALK)


def test_other_arguments_are_another_state() -> None:
    other = {**CALL, "function": {"name": "book", "arguments": '{"day": "Friday", "n": 3}'}}
    changed = [*TALK[:3], {**TALK[3], "tool_calls": [other]}, *TALK[4:]]
    assert canonical(changed) != canonical(TALK)


def test_text_and_calls_of_one_reply_may_come_as_one_message_or_as_several() -> None:
    one = [bot("I book it.", tool_calls=[CALL])]
    several = [bot("I book it."), {"role": "assistant", "tool_calls": [CALL]}]
    old = [bot("I book it.", function_call=CALL["function"])]
    assert canonical(one) == canonical(several) == canonical(old)


def test_letters_are_the_same_however_they_are_composed() -> None:
    assert canonical([user("cafe\u0301")]) == canonical([user("caf\u00e9")])


LONG = [
    user(f"{text}?") if i % 2 == 0 else bot(f"{text}.")
    for i, text in enumerate(
        f"a rather long sentence that nobody else would write about matter number {n}"
        for n in range(8)
    )
]


def test_a_window_on_the_last_turns_is_recognised_and_marked_as_one() -> None:
    after = {s.key: s for s in states_after(LONG[:-1], LONG[-1], ())}
    for cut in (2, 3, 4, 5, 6):
        window = LONG[cut:]
        found = [
            s for s in states_before(window, len(window), (), is_named=False) if s.key in after
        ]
        assert found, cut
        assert found[0].is_window


def test_a_short_turn_tells_no_unnamed_customers_apart() -> None:
    talk = [user("Hello"), bot("Hello!"), user("Thanks"), bot("You are welcome.")]
    cut = talk[2:]
    assert all(not s.is_window for s in states_before(cut, len(cut), (), is_named=False))
    assert any(s.is_window for s in states_before(cut, len(cut), (), is_named=True))


def test_ids_come_before_what_was_said_and_need_no_name() -> None:
    first, *_ = states_before(TALK, len(TALK), ["resp_0123456789abcdef"], is_named=False)
    assert first.is_id
    given_ids = ids_given("resp_0123456789abcdef", ("msg_0123456789abcdef", "1"), TALK[3])
    assert given_ids == ("resp_0123456789abcdef", "msg_0123456789abcdef", CALL["id"])


def test_a_request_refers_to_what_the_provider_keeps() -> None:
    assert references({"previous_response_id": "resp_1", "input": "and Sunday?"}) == (
        None,
        ("resp_1",),
        True,
    )
    assert references({"conversation": {"id": "conv_1"}, "input": "hi"}).conversation == "conv_1"
    assert references({"conversation": "conv_1", "input": "hi"}).is_delta
    kept = {"type": "item_reference", "id": "msg_0123456789abcdef"}
    assert references({"input": [user("hi"), kept, user("more")]}).ids == (kept["id"],)
    assert references({"messages": TALK[:5]}).ids == (CALL["id"],)
    assert references({"messages": [user("hi")]}) == (None, (), False)


def test_a_fork_has_the_root_of_what_it_left() -> None:
    assert root("c1~msg_1") == root("c1") == "c1"
