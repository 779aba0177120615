"""Histories as clients send them back: one conversation, with names and without."""

import json
from typing import Any

import pytest

from gateway.conftest import Script
from kaeshi.gateway.worker import take
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.rules.threads import root
from kaeshi.store.tables import requests

NAMED = {"x-kaeshi-customer": "ann"}
CALL: Json = {
    "id": "c1",
    "type": "function",
    "function": {"name": "book", "arguments": '{"n": 2}'},
}
LONG = "We are open until nine on every day but Sunday, and the kitchen closes half an hour before."


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def bot(text: str | None, **more: Any) -> Json:
    return {"role": "assistant", "content": text, **more}


Turn = tuple[list[Json], Json]  # what the client sends, and what the model answers
ASK = user("A table for two?")
HISTORIES: dict[str, list[Turn]] = {
    "calls left out": [
        ([ASK], bot(None, tool_calls=[CALL])),
        (
            [
                ASK,
                bot(None, tool_calls=[CALL]),
                {"role": "tool", "tool_call_id": "c1", "content": "ok"},
            ],
            bot("Table seven is yours."),
        ),
        ([ASK, bot("Table seven is yours."), user("Thanks")], bot("You are welcome.")),
    ],
    "a result cleared": [
        ([ASK], bot(None, tool_calls=[CALL])),
        (
            [
                ASK,
                bot(None, tool_calls=[CALL]),
                {"role": "tool", "tool_call_id": "c1", "content": "long"},
            ],
            bot("Table seven is yours."),
        ),
        (
            [
                ASK,
                bot(None, tool_calls=[CALL]),
                {"role": "tool", "tool_call_id": "c1", "content": "(cleared)"},
                bot("Table seven is yours."),
                user("Thanks"),
            ],
            bot("You are welcome."),
        ),
    ],
    "retrieved context in the newest message only": [
        ([user("Context: hours.\n\nUntil when?")], bot(LONG)),
        ([user("Until when?"), bot(LONG), user("Context: x.\n\nAnd Sunday?")], bot("Closed.")),
    ],
    "an answer that was stopped": [
        ([ASK], bot("For which day?")),
        ([ASK, bot("For which day?"), user("Friday"), bot("On Fri"), user("Go on")], bot("Yes.")),
    ],
    "an answer that was edited": [
        ([ASK], bot("For which day?")),
        ([ASK, bot("For which day?"), user("Friday")], bot("Done.")),
        (
            [ASK, bot("For which day?"), user("Friday"), bot("Done!!"), user("More")],
            bot("Yes."),
        ),
    ],
    "an answer that is continued": [
        ([ASK, bot("Of course, ")], bot("for which day?")),
        ([ASK, bot("Of course, for which day?"), user("Friday")], bot("Done.")),
    ],
    "thoughts without their opening mark": [
        ([ASK], bot("They want a table.</think>\n\nFor which day?")),
        ([ASK, bot("For which day?"), user("Friday")], bot("Done.")),
    ],
    "thoughts kept as details": [
        ([ASK], bot("For which day?", reasoning_content="Hm.")),
        (
            [
                ASK,
                bot('<details type="reasoning" done="true">\nHm.\n</details>\nFor which day?'),
                user("Friday"),
            ],
            bot("Done."),
        ),
    ],
    "JSON dumped again": [
        ([ASK], bot('{"day": null, "table": 7}')),
        ([ASK, bot('{\n "table": 7,\n "day": null\n}'), user("Friday")], bot("{}")),
    ],
    "a refusal as a part": [
        ([ASK], bot(None, refusal="I cannot.")),
        ([ASK, bot([{"type": "refusal", "refusal": "I cannot."}]), user("So?")], bot("Well.")),  # type: ignore[arg-type]
    ],
    "a greeting of the widget first": [
        ([bot("Hi! How can I help?"), ASK], bot("For which day?")),
        ([bot("Hi! How can I help?"), ASK, bot("For which day?"), user("Friday")], bot("Done.")),
    ],
}


async def said(client: Any, provider: Any, messages: list[Json], *answers: Json) -> None:
    choices = [{"index": i, "message": m, "finish_reason": "stop"} for i, m in enumerate(answers)]
    content = json.dumps({"id": "chatcmpl-1", "choices": choices}).encode()
    provider.scripts = {"gpt-4o-mini": Script([content], "application/json")}
    asked = {"model": "concierge", "messages": messages, "n": len(answers)}
    assert (await client.post("/chat/completions", json=asked)).status_code == 200


async def roots(loop: Loop) -> tuple[set[str], int]:
    """(the conversations of all requests, how many customers were unknown)."""
    await take(loop)
    async with loop.store.read() as tx:
        rows = (await tx.connection.execute(requests.select())).all()
    return {root(row.conversation) for row in rows}, sum(row.is_unknown for row in rows)


@pytest.mark.parametrize("headers", [NAMED, {}], ids=["named", "unnamed"])
@pytest.mark.parametrize("turns", HISTORIES.values(), ids=HISTORIES)
async def test_a_conversation_stays_one(
    loop: Loop, provider: Any, opened: Any, turns: list[Turn], headers: dict[str, str]
) -> None:
    async with opened() as client:
        client.headers.update(headers)
        for messages, answer in turns:
            await said(client, provider, messages, answer)
    found, unknown = await roots(loop)
    assert len(found) == 1
    assert unknown == 0


async def test_the_client_may_go_on_with_any_of_several_choices(
    loop: Loop, provider: Any, opened: Any
) -> None:
    async with opened() as client:
        await said(client, provider, [ASK], bot("For which day?"), bot("Which day, please?"))
        messages = [ASK, bot("Which day, please?"), user("Friday")]
        await said(client, provider, messages, bot("Done."))
    found, _ = await roots(loop)
    assert len(found) == 1


INPUTS: dict[str, Json] = {
    "a custom tool's output": {
        "previous_response_id": "resp_0123456789abcdef",
        "input": [{"type": "custom_tool_call_output", "call_id": "c1", "output": "ok"}],
    },
    "an approval": {
        "previous_response_id": "resp_0123456789abcdef",
        "input": [{"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}],
    },
    "a reference": {"input": [{"type": "item_reference", "id": "msg_0123456789abcdef"}]},
    "a prompt by its name": {"prompt": {"id": "pmpt_1"}},
}


@pytest.mark.parametrize("asked", INPUTS.values(), ids=INPUTS)
async def test_responses_requests_without_a_message_are_passed_on(
    loop: Loop, provider: Any, opened: Any, asked: Json
) -> None:
    async with opened() as client:
        answer = await client.post("/responses", json={"model": "concierge", **asked})
    assert answer.status_code == 200
    assert (await take(loop)).requests == 1


async def test_an_id_with_a_line_break_is_refused(client: Any) -> None:
    asked = {"model": "concierge", "input": "hi", "conversation": "conv_1\r\nx-evil: 1"}
    assert (await client.post("/responses", json=asked)).status_code == 400
