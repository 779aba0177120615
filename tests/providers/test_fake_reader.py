"""Claims about providers/fake_reader.py: it answers from what it reads, and from nothing else."""

import json
from typing import Any

from kaeshi.nouns import HAND_OVER, Json
from kaeshi.providers.fake import FakeEmbedder
from kaeshi.providers.fake_reader import FakeReader
from kaeshi.rules import wire

ASKED: list[Json] = [{"role": "user", "content": "how much is a party of ten"}]
KNOWN = ("How much is a party of ten", "550 dollars.")


async def said(reader: FakeReader, messages: list[Json]) -> Any:
    body = json.dumps({"model": "reader", "messages": messages}).encode()
    status, raw = await reader.call("POST", "/chat/completions", body, "application/json")
    return json.loads(raw)["choices"][0]["message"]["content"] if status == 200 else status


async def test_it_answers_from_examples_entries_and_prompts_alike() -> None:
    reader = FakeReader(FakeEmbedder())
    prompt = {"role": "system", "content": f"Be kind.\n- {KNOWN[0]}? -> {KNOWN[1]}"}
    assert await said(reader, ASKED) == HAND_OVER
    assert await said(reader, wire.exampled(ASKED, [KNOWN])) == KNOWN[1]
    assert await said(reader, wire.informed(ASKED, [KNOWN])) == KNOWN[1]
    assert await said(reader, [prompt, *ASKED]) == KNOWN[1]
    other = [("Do you bring your own grill along", "Yes.")]
    assert await said(reader, wire.exampled(ASKED, other)) == HAND_OVER
    assert reader.asked == 5


async def test_down_means_every_request_fails() -> None:
    reader = FakeReader(FakeEmbedder())
    reader.down = True
    assert await said(reader, wire.exampled(ASKED, [KNOWN])) == 503
