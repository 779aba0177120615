"""When a candidate has failed and when it has not, and what customers get then."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateway.asgi import Caller
from gateway.conftest import Script
from gateway.dialects import SAMPLES, Sample, calls_of
from kaeshi.cli.rollout_text import rollout_lines
from kaeshi.errors import Refused
from kaeshi.formats.training_rows import parse_row
from kaeshi.gateway.door import Gateway
from kaeshi.gateway.worker import take
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback, Rollout
from kaeshi.rules.answer import read
from kaeshi.rules.assignment import arm_of
from kaeshi.rules.dataset import fault
from kaeshi.rules.dataset import row as training_row
from kaeshi.steps import collection, dataset, feedback, rollout
from kaeshi.steps.conversation import show
from kaeshi.store.tables import requests as table

REPLY = "We have a table for ten."


def event(**body: Any) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    return event(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


ROLE = chunk(role="assistant", content="")
ERROR = b'{"error": {"message": "overloaded", "type": "server_error"}}'


async def rows(loop: Loop) -> list[Any]:
    await take(loop)
    async with loop.store.read() as tx:
        return list(await tx.connection.execute(table.select().order_by(table.c.id)))


async def half(loop: Loop) -> Rollout:
    await rollout.register(loop, "new", kind="base_model")
    began = await rollout.begin(loop, "new", percent=50, hours=0)
    moved, _ = await rollout.step(loop, began)
    return moved


def of_the_candidate(live: Rollout) -> dict[str, str]:
    return _of("candidate", live)


def _of(arm: str, live: Rollout) -> dict[str, str]:
    names = map(str, range(1000))
    return {"x-kaeshi-customer": next(n for n in names if arm_of(live.id, n, 0.5) == arm)}


def asking(**more: Any) -> dict[str, Any]:
    return {"model": "concierge", "messages": [{"role": "user", "content": "hi"}], **more}


@asynccontextmanager
async def gateway(loop: Loop, **changed: Any) -> AsyncIterator[Gateway]:
    settings = loop.settings.model_copy(update=changed)
    opened = Gateway(replace(loop, settings=settings))
    await opened.start()
    yield opened
    await opened.stop()


BROKEN: dict[str, list[bytes | float]] = {
    "an error event": [b"event: error\ndata: " + ERROR + b"\n\n"],
    "an error without a space": [b"data:" + ERROR + b"\n\n"],
    "an error after the role": [ROLE, b"data: " + ERROR + b"\n\n"],
    "an error line": [b"error: " + ERROR + b"\n\n"],
    "an error after comments": [b": wait\n\n", b": wait\n\n", b"data: " + ERROR + b"\n\n"],
    "an error as an object": [event(object="error", message="no", code=500)],
    "an error as a plain body": [ERROR],
    "an error of the responses API": [event(type="error", message="no", code="server_error")],
    "a failed response": [event(type="response.failed", response={"error": {"message": "no"}})],
    "an error as finish reason": [chunk("error", content="")],
    "a list of errors": [b"data: [" + ERROR + b"]\n\n"],
    "nothing": [],
    "only comments": [b": wait\n\n"],
    "only the end": [b"data: [DONE]\n\n"],
    "a role and the end": [ROLE, b"data: [DONE]\n\n"],
    "comments until it is too late": [b": wait\n\n", 0.3, b": wait\n\n", 0.3, chunk(content="Hm")],
    "a role until it is too late": [ROLE, 0.6, chunk(content="Hm")],
    "thoughts until it is too late": [chunk(reasoning_content="Hm"), 0.6, chunk(content="Hm")],
}


@pytest.mark.parametrize("pieces", BROKEN.values(), ids=BROKEN)
async def test_production_answers_for_a_candidate_that_fails_before_its_first_word(
    loop: Loop, provider: Any, opened: Any, pieces: list[bytes | float]
) -> None:
    live = await half(loop)
    provider.scripts = {"new": Script(pieces)}
    async with opened() as client:
        answer = await client.post(
            "/chat/completions", json=asking(stream=True), headers=of_the_candidate(live)
        )
    assert read(answer.content).message["content"] == REPLY
    (row,) = await rows(loop)
    assert (row.arm, row.failed, row.unread) == ("candidate", True, None)


BEGUN: dict[str, list[bytes | float]] = {
    "words": [ROLE, chunk(content="Yes."), chunk("stop")],
    "a call": [
        ROLE,
        chunk(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]),
        chunk("tool_calls"),
    ],
    "a refusal": [chunk(refusal="No."), chunk("stop")],
    "an image": [chunk(images=[{"type": "image_url", "image_url": {"url": "x"}}]), chunk("stop")],
    "an empty answer": [ROLE, chunk("stop")],
    "thoughts alone": [chunk(reasoning_content="Hm."), chunk("length")],
}


@pytest.mark.parametrize("pieces", BEGUN.values(), ids=BEGUN)
async def test_what_was_held_back_is_replayed_to_the_byte(
    loop: Loop, provider: Any, opened: Any, pieces: list[bytes | float]
) -> None:
    live = await half(loop)
    sent = [b": hello\n\n", *pieces, b"data: [DONE]\n\n"]
    provider.scripts = {"new": Script(sent)}
    async with opened() as client:
        answer = await client.post(
            "/chat/completions", json=asking(stream=True), headers=of_the_candidate(live)
        )
    assert answer.content == b"".join(p for p in sent if isinstance(p, bytes))
    (row,) = await rows(loop)
    assert (row.arm, row.failed) == ("candidate", False)


async def test_slow_words_after_the_first_are_no_failure(
    loop: Loop, provider: Any, opened: Any
) -> None:
    live = await half(loop)
    pieces: list[bytes | float] = [
        chunk(content="Well, "),
        0.7,
        chunk(content="yes."),
        chunk("stop"),
    ]
    provider.scripts = {"new": Script([*pieces, b"data: [DONE]\n\n"])}
    async with opened() as client:
        answer = await client.post(
            "/chat/completions", json=asking(stream=True), headers=of_the_candidate(live)
        )
    assert read(answer.content).message["content"] == "Well, yes."
    (row,) = await rows(loop)
    assert not row.failed


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_no_dialect_is_blamed_on_a_candidate(
    loop: Loop, provider: Any, opened: Any, sample: Sample
) -> None:
    live = await half(loop)
    kind = "text/event-stream" if sample.is_stream else "application/json"
    provider.scripts = {"new": Script([sample.raw], kind)}
    path = "/responses" if sample.name.startswith("responses") else "/chat/completions"
    asked = {"model": "concierge", "input": "hi"} if path == "/responses" else asking()
    async with opened() as client:
        answer = await client.post(
            path, json={**asked, "stream": sample.is_stream}, headers=of_the_candidate(live)
        )
    (row,) = await rows(loop)
    if "error" in sample.said:
        assert row.failed
        return
    assert answer.content == sample.raw
    assert (row.arm, row.failed) == ("candidate", False)
    if "unread" in sample.said:
        assert row.unread == sample.said["unread"]
        assert "kaeshi_unread_answers_total" in (await metrics(opened))
        return
    stored = (await show(loop, row.conversation))["messages"][-1]
    assert stored["content"] == sample.said["content"]
    assert calls_of(stored) == sample.said["calls"]
    assert row.finish_reason == sample.said["finish"]


async def test_every_dialect_is_learned_as_it_was_said(
    loop: Loop, provider: Any, opened: Any
) -> None:
    readable = [sample for sample in SAMPLES if "finish" in sample.said]
    said: dict[str, Sample] = {}
    liked: list[Feedback] = []
    async with opened(gateway_consent="granted") as client:
        for sample in readable:
            kind = "text/event-stream" if sample.is_stream else "application/json"
            provider.scripts = {"gpt-4o-mini": Script([sample.raw], kind)}
            path = "/responses" if sample.name.startswith("responses") else "/chat/completions"
            words = f"what about {sample.name}, and why is it so?"
            body = (
                {"input": words}
                if path == "/responses"
                else {"messages": [{"role": "user", "content": words}]}
            )
            asked = {"model": "concierge", "stream": sample.is_stream, **body}
            answer = await client.post(path, json=asked)
            said[answer.headers["x-kaeshi-conversation"]] = sample
            liked.append(
                Feedback(
                    message_id=answer.headers["x-kaeshi-message"],
                    vote="up",
                    rating=5,
                    helpful=True,
                    accurate=True,
                )
            )
    await take(loop)
    await feedback.record(loop, liked)
    async with loop.store.write() as tx:
        await tx.conversations.close(loop.assistant, list(said), loop.clock.now())
    wanted = collection.filters(loop).model_copy(
        update={"missing_confidence": "keep", "missing_quality": "keep"}
    )
    await collection.collect(loop, wanted)
    async with loop.store.read() as tx:
        judged = await tx.examples.judged(loop.assistant, "", 100)
    learned = {}
    for example in (j.example for j in judged if j.body is not None):
        if fault(example, loop.prompts) is None:
            sample = said[example.conversation]
            learned[sample.name] = parse_row(training_row(example, loop.prompts))["messages"][-1]
    for name, message in learned.items():
        expected = next(s.said for s in readable if s.name == name)
        assert calls_of(message) == expected["calls"], name
        assert (message.get("content") or None) == (
            expected["content"] or expected.get("refusal")
        ), name
    # no training file takes an image of the assistant, or a call of a custom tool
    missing = {sample.name for sample in readable} - learned.keys()
    assert missing == {"openrouter-images", "openai-custom-call"}


async def metrics(opened: Any) -> str:
    async with opened() as client:
        return (await client.get("http://127.0.0.1/metrics")).text


async def test_tokens_that_the_provider_does_not_tell_are_counted_and_marked_so(
    loop: Loop, provider: Any, opened: Any
) -> None:
    provider.scripts = {"gpt-4o-mini": Script([chunk(content="Yes, of course."), chunk("stop")])}
    async with opened() as client:
        await client.post("/chat/completions", json=asking(stream=True))
        provider.scripts = {}
        await client.post("/chat/completions", json=asking())
    streamed, whole = await rows(loop)
    assert (streamed.is_estimated, streamed.completion_tokens) == (True, 5)
    assert streamed.prompt_tokens > 0
    assert (whole.is_estimated, whole.completion_tokens) == (False, 500)


async def test_a_client_that_stops_at_the_finish_reason_has_its_answer_stored(
    loop: Loop, provider: Any
) -> None:
    usage = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 4})
    pieces: list[bytes | float] = [chunk(content="Yes."), chunk("stop"), 5.0, usage]
    provider.scripts = {"gpt-4o-mini": Script(pieces)}
    for options in ({}, {"stream_options": {"include_usage": True}}):
        async with gateway(loop) as opened:
            caller = Caller(opened)
            asked = asyncio.create_task(caller.send(asking(stream=True, **options)))
            while b'"stop"' not in b"".join(caller.pieces):
                await asyncio.sleep(0.01)
            caller.leave()
            await asyncio.wait_for(asked, 1)
        row = (await rows(loop))[-1]
        assert (row.failed, row.finish_reason) == (False, "stop")
        stored = await show(loop, row.conversation)
        assert stored["messages"][-1]["content"] == "Yes."


async def test_usage_that_comes_after_the_finish_reason_is_stored_too(
    loop: Loop, provider: Any, opened: Any
) -> None:
    usage = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 4})
    pieces: list[bytes | float] = [chunk(content="Yes."), chunk("stop"), 0.1, usage]
    provider.scripts = {"gpt-4o-mini": Script([*pieces, b"data: [DONE]\n\n"])}
    async with opened() as client:
        await client.post("/chat/completions", json=asking(stream=True))
    (row,) = await rows(loop)
    assert (row.prompt_tokens, row.completion_tokens, row.is_estimated) == (3, 4, False)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_lets_the_provider_go_within_a_second(
    loop: Loop, provider: Any, stream: bool
) -> None:
    script = Script([5.0, chunk(content="Yes."), chunk("stop")])
    provider.scripts = {"gpt-4o-mini": script}
    async with gateway(loop, gateway_deadline_seconds=30.0) as opened:
        caller = Caller(opened)
        asked = asyncio.create_task(caller.send(asking(stream=stream)))
        await asyncio.sleep(0.1)
        caller.leave()
        await asyncio.wait_for(script.left.wait(), 1)
        await asyncio.wait_for(asked, 1)
    (row,) = await rows(loop)
    assert (row.status, row.failed) == (499, False)
    async with loop.store.read() as tx:
        assert await tx.conversations.count(loop.assistant) == 0


async def test_a_client_that_leaves_in_the_middle_of_a_stream_lets_the_provider_go_too(
    loop: Loop, provider: Any
) -> None:
    script = Script([chunk(content="Well"), 5.0, chunk(content=" yes."), chunk("stop")])
    provider.scripts = {"gpt-4o-mini": script}
    async with gateway(loop) as opened:
        caller = Caller(opened)
        asked = asyncio.create_task(caller.send(asking(stream=True)))
        await asyncio.wait_for(caller.came.wait(), 2)
        caller.leave()
        await asyncio.wait_for(script.left.wait(), 1)
        await asyncio.wait_for(asked, 1)
    (row,) = await rows(loop)
    assert not row.failed
    async with loop.store.read() as tx:
        assert await tx.conversations.count(loop.assistant) == 0


async def test_a_redirect_is_an_error_that_says_so(loop: Loop, provider: Any, opened: Any) -> None:
    provider.scripts = {
        "gpt-4o-mini": Script([], status=308, headers={"Location": "https://elsewhere.test/v1"})
    }
    async with opened() as client:
        answer = await client.post("/chat/completions", json=asking())
    assert answer.status_code == 502
    told = answer.json()["error"]["message"]
    assert "https://elsewhere.test/v1" in told
    assert "OPENAI_BASE_URL" in told


async def test_an_sdk_that_repeats_a_request_makes_one_conversation(
    loop: Loop, provider: Any, opened: Any
) -> None:
    async with opened() as client:
        provider.trouble = {"gpt-4o-mini": 500}
        await client.post("/chat/completions", json=asking())
        provider.trouble = {}
        await client.post("/chat/completions", json=asking())
        await client.post(
            "/chat/completions", json=asking(), headers={"x-stainless-retry-count": "1"}
        )
        await client.post("/chat/completions", json=asking())
    found = [row.conversation.partition("~")[0] for row in await rows(loop)]
    assert found[0] == found[1] == found[2]
    assert found[3] != found[0]  # another customer who says the same


async def test_a_named_customer_who_sends_a_request_again_too_early_stays_in_one_conversation(
    loop: Loop, provider: Any, opened: Any
) -> None:
    provider.trouble = {"gpt-4o-mini": "slow"}
    async with opened(gateway_deadline_seconds=30.0) as client:
        for customer, count in (("ann", 1), (None, 2)):
            headers = {"x-kaeshi-customer": customer} if customer else {}
            answers = await asyncio.gather(
                *(
                    client.post("/chat/completions", json=asking(), headers=headers)
                    for _ in range(2)
                )
            )
            assert len({a.headers["x-kaeshi-conversation"] for a in answers}) == count


async def test_a_title_for_the_ui_is_no_conversation_and_takes_part_in_no_rollout(
    loop: Loop, opened: Any
) -> None:
    await half(loop)
    title = "Provide a concise, 5-word-or-less title for the conversation: hi"
    async with opened() as client:
        for messages in ([{"role": "user", "content": title}], asking()["messages"]):
            answer = await client.post("/chat/completions", json=asking(messages=messages))
            assert answer.status_code == 200
        await client.post("/chat/completions", json=asking(model="gpt-4o-mini"))
    helper, turn, direct = await rows(loop)
    assert (helper.arm, direct.arm) == (None, None)
    assert turn.arm is not None
    async with loop.store.read() as tx:
        assert await tx.conversations.count(loop.assistant) == 1


async def test_a_history_that_nobody_knows_is_counted(loop: Loop, opened: Any) -> None:
    old = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hello from before the gateway."},
        {"role": "user", "content": "and now?"},
    ]
    async with opened() as client:
        await client.post("/chat/completions", json=asking(messages=old))
        await client.post(
            "/chat/completions", json=asking(messages=old), headers={"x-kaeshi-customer": "ann"}
        )
        await client.post("/chat/completions", json=asking())
    assert [row.is_unknown for row in await rows(loop)] == [True, False, False]


async def test_a_rollout_waits_until_customers_are_recognised(loop: Loop, opened: Any) -> None:
    old = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hello from before the gateway."},
    ]
    async with opened() as client:
        for number in range(6):
            asked = [*old, {"role": "user", "content": f"question {number}"}]
            await client.post("/chat/completions", json=asking(messages=asked))
    await take(loop)
    await rollout.register(loop, "new", kind="base_model")
    with pytest.raises(Refused, match="X-Kaeshi-Customer"):
        await rollout.begin(loop, "new", percent=10, hours=1)
    traffic = (await rollout.status(loop))["traffic"]
    assert (traffic["requests"], traffic["unknown_customers"]) == (6, 6)
    async with opened() as client:
        for number in range(120):
            await client.post("/chat/completions", json=asking(user=f"guest {number}"))
    await take(loop)
    assert (await rollout.begin(loop, "new", percent=10, hours=1)).state == "mirror"


@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
async def test_what_a_request_offers_is_in_the_row_that_is_learned_from_it(
    loop: Loop, provider: Any, opened: Any, path: str
) -> None:
    trusting = loop.settings.model_copy(update={"trust_lower_bound": 0})
    loop = replace(loop, settings=trusting)
    function = {"name": "book", "description": "Books.", "parameters": {"type": "object"}}
    call = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": "{}"}}
    item = {"type": "function_call", "call_id": "c1", "name": "book", "arguments": "{}"}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    if path == "/responses":
        said = {"id": "resp_1", "status": "completed", "output": [item]}
        asked = {"model": "concierge", "input": "A table?"}
        offered = [{"type": "function", **function}]
    else:
        said = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
        asked = asking()
        offered = [{"type": "function", "function": function}]
    provider.scripts = {"gpt-4o-mini": Script([json.dumps(said).encode()], "application/json")}
    async with opened(gateway_consent="granted") as client:
        answer = await client.post(
            path, json={**asked, "tools": offered}, headers={"x-kaeshi-customer": "ann"}
        )
    await take(loop)
    await feedback.record(
        loop,
        [Feedback(message_id=answer.headers["x-kaeshi-message"], vote="up", rating=5, author="a")],
    )
    async with loop.store.write() as tx:
        await tx.conversations.close(
            loop.assistant, [answer.headers["x-kaeshi-conversation"]], loop.clock.now()
        )
    wanted = collection.filters(loop).model_copy(
        update={"missing_confidence": "keep", "min_quality_tenths": None}
    )
    (line,) = (await dataset.build(loop, wanted, least=0)).lines
    row = parse_row(line)
    assert row["tools"] == [{"type": "function", "function": function}]
    assert calls_of(row["messages"][-1]) == [["book", {}]]


async def test_answers_name_the_model_that_gave_them(client: httpx.AsyncClient, loop: Loop) -> None:
    await client.post("/chat/completions", json=asking())
    (row,) = await rows(loop)
    assert row.answer_id == "chatcmpl-1"
    async with loop.store.read() as tx:
        assert await tx.exchanges.message_of(loop.assistant, "chatcmpl-1") == row.id


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (404, "HTTP 404 server_error"),
        (500, "HTTP 500 server_error"),
        ("slow", "no answer began within 0.5 s"),
        ("html", "an error in place of an answer"),
    ],
)
async def test_a_failing_candidate_shows_in_status_and_log_by_arm_and_reason(
    loop: Loop, provider: Any, opened: Any, caplog: pytest.LogCaptureFixture, trouble: Any, why: str
) -> None:
    live = await half(loop)
    provider.trouble = {"new": trouble}
    async with opened() as client:
        for _ in range(3):
            answer = await client.post(
                "/chat/completions", json=asking(), headers=of_the_candidate(live)
            )
            assert answer.status_code == 200
        await client.post("/chat/completions", json=asking(), headers=_of("production", live))
    await take(loop)
    arms = {arm["arm"]: arm for arm in (await rollout.status(loop))["rollouts"][0]["arms"]}
    assert (arms["candidate"]["failed"], arms["candidate"]["why"]) == (3, {why: 3})
    assert (arms["production"]["failed"], arms["production"]["why"]) == (0, {})
    assert [r.message for r in caplog.records if why in r.message] == [
        f"candidate new of main did not answer ({why}), 1 times so far; production answered instead"
    ]
    assert f"candidate: 3 of {arms['candidate']['requests']} requests failed ({why}: 3)" in (
        "\n".join(rollout_lines((await rollout.status(loop))["rollouts"][0]))
    )


async def test_people_are_told_at_the_third_failure_and_not_at_each(
    loop: Loop, provider: Any
) -> None:
    words: list[str] = []

    class Notifier:
        async def tell(self, text: str) -> None:
            words.append(text)

    live = await half(loop)
    provider.trouble = {"new": 404}
    async with gateway(replace(loop, notifier=Notifier())) as opened:
        caller = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=opened, client=("127.0.0.1", 1)),
            base_url="http://127.0.0.1/v1",
        )
        for _ in range(5):
            await caller.post("/chat/completions", json=asking(), headers=of_the_candidate(live))
    assert len(words) == 1
    assert "candidate new of main did not answer (HTTP 404 server_error), 3 times" in words[0]


async def test_a_rollout_begins_only_with_a_candidate_that_answers(
    loop: Loop, provider: Any
) -> None:
    keyed = loop.settings.model_copy(update={"openai_api_key": SecretStr("key")})
    provider.trouble = {"new": 404}
    await rollout.register(loop, "new", kind="base_model")
    with pytest.raises(Refused, match=r"'new' was asked once and does not answer.*404"):
        await rollout.start(replace(loop, settings=keyed), "new", percent=50, hours=0)
    assert (await rollout.status(loop))["rollouts"] == []
    provider.trouble = {}
    await rollout.start(replace(loop, settings=keyed), "new", percent=50, hours=0)


async def test_where_callers_bring_the_key_a_refusal_without_one_stops_no_rollout(
    loop: Loop, provider: Any
) -> None:
    provider.trouble = {"new": 401}
    await rollout.register(loop, "new", kind="base_model")
    await rollout.start(loop, "new", percent=50, hours=0)


SECRET = "sk-Main-Secret: my card is 4111 1111 1111 1111"
TALKATIVE = {
    "a stream's error": Script([b"data: " + json.dumps({"error": {"message": SECRET}}).encode()]),
    "a code": Script(
        [json.dumps({"error": {"code": SECRET, "type": SECRET}}).encode()], "application/json", 400
    ),
    "a redirect": Script([b"{}"], "application/json", 302, {"Location": f"http://x/?q={SECRET}"}),
    "a body": Script([json.dumps({"error": {"message": SECRET}}).encode()], "application/json"),
}


@pytest.mark.parametrize("script", TALKATIVE.values(), ids=TALKATIVE)
async def test_no_reason_repeats_what_a_provider_says(
    loop: Loop, provider: Any, opened: Any, caplog: pytest.LogCaptureFixture, script: Script
) -> None:
    live = await half(loop)
    provider.scripts = {"new": script}
    async with opened() as client:
        for _ in range(3):
            await client.post(
                "/chat/completions", json=asking(stream=True), headers=of_the_candidate(live)
            )
    (row, *_) = await rows(loop)
    assert row.failed
    assert row.failure
    for said in (row.failure, caplog.text, str(await rollout.status(loop))):
        assert "4111" not in said
        assert "Secret" not in said
