"""Claims about providers/fake_reader.py: it answers from what it reads, and from nothing else."""

import json
from typing import Any

from kaeshi.nouns import HAND_OVER, Json
from kaeshi.ports import Trace
from kaeshi.providers.fake import FakeEmbedder
from kaeshi.providers.fake_reader import REFLECTOR, FakeReader
from kaeshi.rules import prompts, wire

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
    assert await said(reader, wire.informed(ASKED, [wire.Known(*KNOWN)])) == KNOWN[1]
    assert await said(reader, [prompt, *ASKED]) == KNOWN[1]
    other = [("Do you bring your own grill along", "Yes.")]
    assert await said(reader, wire.exampled(ASKED, other)) == HAND_OVER
    assert reader.asked == 5


async def test_down_means_every_request_fails() -> None:
    reader = FakeReader(FakeEmbedder())
    reader.down = True
    assert await said(reader, wire.exampled(ASKED, [KNOWN])) == 503


async def test_it_believes_an_entry_that_the_search_is_sure_of() -> None:
    reader = FakeReader(FakeEmbedder())
    for likely, answer in ((0.79, HAND_OVER), (0.8, "Yes."), (None, HAND_OVER)):
        entry = wire.Known("Do you bring your own grill along", "Yes.", likely)
        assert await said(reader, wire.informed(ASKED, [entry])) == answer


async def test_a_model_that_ended_is_not_found_and_a_broken_one_knows_its_test_cases() -> None:
    reader = FakeReader(FakeEmbedder())
    shown = wire.exampled(ASKED, [KNOWN, ("Is there tofu", "Yes.")])
    reader.broken["reader"] = frozenset()
    assert await said(reader, shown) == "Yes."
    reader.broken["reader"] = frozenset({ASKED[0]["content"]})
    assert await said(reader, shown) == KNOWN[1]
    reader.ended.add("reader")
    assert await said(reader, shown) == 404


async def test_it_reflects_by_a_line_for_each_case_that_was_wrong() -> None:
    reader = FakeReader(FakeEmbedder())
    traces = [Trace(KNOWN[0], "", KNOWN[1], 0.0), Trace("Is there tofu?", "Yes.", "Yes.", 1.0)]
    request = prompts.reflection("Be kind.", [trace.shown for trace in traces])
    body = {"model": REFLECTOR, "messages": [{"role": "user", "content": request}]}
    _, raw = await reader.call("POST", "/chat/completions", json.dumps(body).encode(), "")
    written = prompts.proposal_in(json.loads(raw)["choices"][0]["message"]["content"])
    assert written == "Be kind.\n- How much is a party of? -> 550 dollars."
