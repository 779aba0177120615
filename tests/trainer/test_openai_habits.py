"""Habits of clients of OpenAI's trainer: dated names, tokens as input, stop sequences."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kaeshi.models.fetch import FILES
from kaeshi.nouns import Json
from kaeshi.providers.fake import FakeClock, FakeEmbedder, FakeIds, FakeTokens
from kaeshi.providers.token_ranks import TiktokenCounter
from kaeshi.settings import load
from kaeshi.trainer.routes import TrainerServer
from samples import different

NAME = FakeEmbedder().name


def row(number: int, **more: Any) -> Json:
    question, answer = different(number)
    said = {"role": "assistant", "content": answer, **more}
    return {"messages": [{"role": "user", "content": question}, said]}


@pytest.fixture
def server(tmp_path: Path, clock: FakeClock) -> TrainerServer:
    return TrainerServer(tmp_path / "trainer", FakeEmbedder(), FakeTokens(), clock, FakeIds())


async def post(server: TrainerServer, path: str, body: Json) -> tuple[int, Json]:
    status, content = await server.call("POST", path, json.dumps(body).encode(), "application/json")
    return status, json.loads(content)


async def upload(server: TrainerServer, rows: list[Json]) -> str:
    lines = "".join(json.dumps(r) + "\n" for r in rows)
    form = (
        '--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
        f"{lines}\r\n--x--\r\n"
    )
    status, content = await server.call(
        "POST", "/files", form.encode(), "multipart/form-data; boundary=x"
    )
    assert status == 200
    return str(json.loads(content)["id"])


async def job(server: TrainerServer, **more: Any) -> Json:
    status, made = await post(server, "/fine_tuning/jobs", more)
    assert status == 200, made
    server.wait()
    _, content = await server.call("GET", f"/fine_tuning/jobs/{made['id']}", b"", "")
    found: Json = json.loads(content)
    return found


async def trained(server: TrainerServer) -> str:
    file = await upload(server, [row(i) for i in range(12)])
    made = await job(server, model="gpt-4o-mini-2024-07-18", training_file=file)
    assert made["status"] == "succeeded"
    return str(made["fine_tuned_model"])


async def test_the_dated_name_of_openais_own_guide_is_taken(server: TrainerServer) -> None:
    assert (await trained(server)).startswith("ft:")
    file = await upload(server, [row(i) for i in range(12)])
    status, _ = await post(
        server, "/fine_tuning/jobs", {"model": "gpt-5-2025-01-01", "training_file": file}
    )
    assert status == 400


async def test_the_file_at_fault_is_named_with_its_line(server: TrainerServer) -> None:
    good = await upload(server, [row(i) for i in range(12)])
    bad = await upload(server, [row(1), row(2, weight=0.5)])
    made = await job(server, model="gpt-4o-mini", training_file=good, validation_file=bad)
    assert made["status"] == "failed"
    assert made["error"]["param"] == "validation_file"
    assert f"validation file {bad}, line 2" in made["error"]["message"]
    assert "weight 0.5" in made["error"]["message"]
    made = await job(server, model="gpt-4o-mini", training_file=bad)
    assert made["error"]["param"] == "training_file"


async def test_stop_sequences_end_the_answer(server: TrainerServer) -> None:
    model = await trained(server)
    question, answer = different(3)
    asked = {"model": model, "messages": [{"role": "user", "content": question}]}
    end = answer.split()[1]
    for stop in (end, ["never", end]):
        status, said = await post(server, "/chat/completions", {**asked, "stop": stop})
        assert status == 200
        assert said["choices"][0]["message"]["content"] == answer[: answer.index(end)]


async def test_an_answer_longer_than_allowed_is_refused(server: TrainerServer) -> None:
    model = await trained(server)
    question, answer = different(3)
    asked = {"model": model, "messages": [{"role": "user", "content": question}]}
    words = len(answer.split())
    for name in ("max_tokens", "max_completion_tokens"):
        status, _ = await post(server, "/chat/completions", {**asked, name: words})
        assert status == 200
        status, said = await post(server, "/chat/completions", {**asked, name: words - 1})
        assert status == 400
        assert f"more than the {words - 1} allowed" in said["error"]["message"]


@pytest.mark.parametrize(
    ("given", "count"),
    [("a text", 1), (["a", "b", "c"], 3), ([1, 2, 3], 1), ([[1, 2], [3]], 2)],
)
async def test_embeddings_take_texts_and_tokens(
    server: TrainerServer, given: Any, count: int
) -> None:
    status, found = await post(server, "/embeddings", {"model": NAME, "input": given})
    assert status == 200
    assert [d["index"] for d in found["data"]] == list(range(count))


@pytest.mark.parametrize("given", ["", [], [""], [[]], [1.5], {"a": 1}, None, ["a", 1]])
async def test_embeddings_refuse_what_openai_refuses(server: TrainerServer, given: Any) -> None:
    status, _ = await post(server, "/embeddings", {"model": NAME, "input": given})
    assert status == 400


async def test_fewer_dimensions_are_the_first_of_each_vector_at_length_one(
    server: TrainerServer,
) -> None:
    asked = {"model": NAME, "input": ["salmon", "tofu"], "user": "ann"}
    _, whole = await post(server, "/embeddings", asked)
    _, short = await post(server, "/embeddings", {**asked, "dimensions": 2})
    for a, b in zip(whole["data"], short["data"], strict=True):
        first = np.array(a["embedding"][:2])
        assert np.allclose(b["embedding"], first / np.linalg.norm(first))
    _, coded = await post(
        server, "/embeddings", {**asked, "dimensions": 2, "encoding_format": "base64"}
    )
    raw = base64.b64decode(coded["data"][0]["embedding"])
    assert np.allclose(np.frombuffer(raw, np.float32), short["data"][0]["embedding"])
    status, _ = await post(server, "/embeddings", {**asked, "dimensions": 100_000})
    assert status == 400


@pytest.mark.skipif(not (load().models_dir / FILES[2].name).exists(), reason="kaeshi models fetch")
def test_tokens_are_the_text_that_clients_made_them_from() -> None:
    counter = TiktokenCounter(load().models_dir)
    # "hello world" in cl100k_base, as LangChain's OpenAIEmbeddings sends it
    assert counter.text([15339, 1917], "text-embedding-3-small") == "hello world"
