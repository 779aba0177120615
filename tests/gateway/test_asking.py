"""One way to ask: gate, mirror, offline and customers send a candidate the same bytes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from kaeshi.gateway.door import Gateway
from kaeshi.gateway.upstream import upstream_of
from kaeshi.gateway.worker import Worker
from kaeshi.loop import Loop
from kaeshi.nouns import HAND_OVER, Candidate, Entry, Json, Serving
from kaeshi.providers.chat import WireChat
from kaeshi.providers.fake import FakeChat, FakeClock, FakeNames
from kaeshi.steps import asking, builds, collection, evaluation, examples, knowledge, rollout
from kaeshi.steps.shelf import Shelf
from samples import different, example_row

OPENING = ({"role": "system", "content": "Answer warmly."}, {"role": "user", "content": "hi"})
ASKED: list[Json] = [
    {"role": "user", "content": "I am Anna Bennett"},
    {"role": "assistant", "content": "Hello, what can I do?"},
    {"role": "user", "content": "Where do I park? Write to anna@example.com"},
]
SERVINGS = {
    "nothing": Serving(),
    "model": Serving(model="gpt-4.1-mini"),
    "base_url": Serving(base_url="elsewhere"),
    "opening": Serving(opening=OPENING),
    "placeholders": Serving(placeholders=True),
    "entries": Serving(entries=1),
    "knowledge_build": Serving(entries=1, knowledge_build="pinned"),
    "examples": Serving(examples=2, examples_build="pinned"),
    "examples_build": Serving(examples=1, entries=1, examples_build="pinned"),
    "parameters": Serving(parameters={"temperature": 0.2}),
    "everything": Serving(
        model="gpt-4.1-mini",
        base_url="elsewhere",
        opening=OPENING,
        placeholders=True,
        entries=1,
        knowledge_build="pinned",
        examples=2,
        examples_build="pinned",
        parameters={"temperature": 0.2},
    ),
}
ROWS = [different(number) for number in range(20)]


def test_every_field_of_serving_is_tried() -> None:
    assert {*Serving.model_fields} <= {*SERVINGS}


@pytest.fixture
async def kitchen(loop: Loop, provider: Any) -> Loop:
    """A loop whose other provider is the same server under another name, with a key of its own."""
    elsewhere = provider.url.replace("127.0.0.1", "localhost")
    chat = WireChat(
        answerer=None, base_url=provider.url, api_key=None, keys={elsewhere: "key-elsewhere"}
    )
    async with loop.store.write() as tx:
        entry = Entry(
            id="entry_1",
            assistant=loop.assistant,
            question="Where do I park?",
            answer="In the yard.",
            state="approved",
            at=loop.clock.now(),
        )
        await tx.knowledge.propose([(entry, 10)])
    await knowledge.refresh(loop)
    settings = loop.settings.model_copy(
        update={"gateway_provider_keys": {elsewhere: SecretStr("key-elsewhere")}}
    )
    return replace(loop, chat=chat, settings=settings)


async def with_builds(kitchen: Loop, serving: Serving) -> Serving:
    """The serving, with the builds that are there for those that it pins."""
    pinned = {"knowledge_build": builds.current(kitchen)["build"]}
    path = kitchen.settings.data_dir / "examples.jsonl"
    path.write_bytes(b"".join(example_row(*pair) for pair in ROWS))
    build, _ = await examples.write(kitchen, [path])
    pinned["examples_build"] = build.id
    return serving.model_copy(
        update={name: pinned[name] for name in pinned if getattr(serving, name)}
    )


class Heard:
    """The requests that one part of kaeshi made: bodies, and the keys they came with."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.start = len(provider.asked)

    def of(self, model: str) -> list[tuple[bytes, str | None]]:
        pairs = zip(self.provider.asked, self.provider.authorizations, strict=True)
        heard = list(pairs)[self.start :]
        return [(body, key) for body, key in heard if json.loads(body)["model"] == model]


@pytest.mark.parametrize("field", SERVINGS)
async def test_gate_mirror_offline_and_customer_send_the_same_bytes(
    kitchen: Loop, provider: Any, field: str
) -> None:
    elsewhere = provider.url.replace("127.0.0.1", "localhost")
    serving = SERVINGS[field]
    if serving.base_url is not None:
        serving = serving.model_copy(update={"base_url": elsewhere})
    serving = await with_builds(kitchen, serving)
    candidate = await rollout.register(kitchen, "new", kind="prompt", serving=serving)
    model = asking.served_name(candidate)
    await evaluation.add(kitchen, [("1", {"messages": ASKED, "must_say": "table"})])

    heard = Heard(provider)
    live = await rollout.begin(kitchen, "new", percent=10, hours=24)
    (by_gate,) = heard.of(model)
    assert live.state == "mirror"

    heard = Heard(provider)
    async with gateway(kitchen) as client:
        body = json.dumps({"model": "concierge", "messages": ASKED})
        await client.post("/chat/completions", content=body)
        upstream = upstream_of(kitchen)
        await Worker(kitchen, [kitchen.assistant], upstream).round()
        await upstream.close()
        (by_mirror,) = heard.of(model)

        heard = Heard(provider)
        body = json.dumps({"model": "new", "messages": ASKED})
        await client.post("/chat/completions", content=body)
        (by_customer,) = heard.of(model)

    heard = Heard(provider)
    await offline(kitchen, candidate)
    (by_offline,) = heard.of(model)

    assert by_gate == by_mirror == by_customer == by_offline
    assert by_gate[1] == ("Bearer key-elsewhere" if serving.base_url else None)


async def offline(loop: Loop, candidate: Candidate) -> None:
    """As the evaluation on logs asks: scrubbed beforehand where the candidate needs it."""
    messages: Any = ASKED
    if candidate.speaks_placeholders:
        ((messages, _),) = collection.scrub_each(loop, [ASKED])
    await asking.answer_scrubbed(loop, Shelf(), candidate, messages)


@asynccontextmanager
async def gateway(loop: Loop) -> AsyncIterator[httpx.AsyncClient]:
    made = Gateway(loop)
    await made.start()
    transport = httpx.ASGITransport(app=made, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/v1") as client:
        yield client
    await made.stop()


async def test_a_prompt_candidate_is_judged_under_the_name_it_is_served_as(loop: Loop) -> None:
    chat = FakeChat(answers={"q?": "a"}, missing=frozenset({"warmer-prompt"}))
    ours = replace(loop, chat=chat)
    await evaluation.add(ours, [("1", {"question": "q?", "expected": "a"})])
    serving = Serving(model="gpt-4.1-mini", opening=OPENING)
    await rollout.register(ours, "warmer-prompt", kind="prompt", serving=serving)
    assert (await rollout.begin(ours, "warmer-prompt", percent=10, hours=1)).state == "mirror"
    assert [json.loads(body)["model"] for body in chat.asked] == ["gpt-4.1-mini", "gpt-4o-mini"]
    assert json.loads(chat.asked[0])["messages"][:2] == list(OPENING)


async def test_a_gate_that_cannot_ask_fails_with_its_reason_and_leaves_the_slot_free(
    loop: Loop,
) -> None:
    await evaluation.add(loop, [("1", {"question": "q?", "expected": "a"})])
    await rollout.register(loop, "gone", kind="base_model")
    ours = replace(loop, chat=FakeChat(missing=frozenset({"gone"})))
    ended = await rollout.begin(ours, "gone", percent=10, hours=1)
    assert ended.state == "rolled_back"
    status = await rollout.status(ours)
    assert "model 'gone': 404: no such model" in status["rollouts"][0]["audit"][-1]["why"]
    again = await rollout.begin(ours, "gone", percent=10, hours=1)
    assert again.id != ended.id


async def test_a_gate_that_its_process_left_open_is_judged_again(
    loop: Loop, clock: FakeClock
) -> None:
    ours = replace(loop, chat=FakeChat(answers={"q?": "a"}))
    await evaluation.add(ours, [("1", {"question": "q?", "expected": "a"})])
    await rollout.register(ours, "new", kind="base_model")

    class Killed(FakeChat):
        async def answer(self, candidate: Candidate, body: bytes) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rollout.begin(replace(ours, chat=Killed()), "new", percent=10, hours=24)
    ((_, why),) = await rollout.step_all(ours)
    assert why == "the offline evaluation is not done"
    clock.advance(hours=2)
    await rollout.step_all(ours)
    assert (await rollout.status(ours))["rollouts"][0]["state"] == "mirror"


async def test_the_model_sees_placeholders_and_the_customer_does_not(loop: Loop) -> None:
    chat = FakeChat(answers={"I am [PERSON_1]": "Hi, [PERSON_1]!", "who?": "Ask [PERSON_7]."})
    ours = replace(loop, chat=chat)
    candidate = await rollout.register(loop, "tuned")
    introduced: list[Json] = [{"role": "user", "content": "I am Anna Bennett"}]
    said = await asking.answer(ours, Shelf(), candidate, introduced)
    assert said.text == "Hi, Anna Bennett!"
    said = await asking.answer(ours, Shelf(), candidate, [{"role": "user", "content": "who?"}])
    assert (said.text, said.hand_over) == (HAND_OVER, True)


async def test_what_cannot_be_scrubbed_is_handed_over_and_nothing_is_asked(loop: Loop) -> None:
    chat = FakeChat()
    ours = replace(loop, chat=chat, names=FakeNames(broken=True))
    candidate = await rollout.register(loop, "tuned")
    said = await asking.answer(ours, Shelf(), candidate, ASKED)
    assert (said.text, said.hand_over, chat.asked) == (HAND_OVER, True, [])
