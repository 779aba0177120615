"""Language models handed to vLLM, stood in for by a server that keeps its documented manners.

Load, unload, 404 for what it does not know.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from kaeshi.errors import Misconfigured
from kaeshi.providers.fake import FakeClock, FakeEmbedder, FakeIds, FakeTokens
from kaeshi.settings import load
from kaeshi.trainer.answers import model_folder
from kaeshi.trainer.engines import lora
from kaeshi.trainer.routes import TrainerServer
from kaeshi.trainer.vllm import Vllm

MODEL = "ft:tiny:kaeshi:1"
CHUNK = 'data: {"choices": [{"index": 0, "delta": {"content": "Yes."}}]}\n\ndata: [DONE]\n\n'


@dataclass
class StandIn:
    """What it was told to load, by name, and every chat it was asked."""

    url: str = ""
    adapters: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        if path == "/v1/load_lora_adapter":
            if body["lora_name"] in self.adapters:
                return 400, '{"message": "The lora adapter has already been loaded."}'
            self.adapters[body["lora_name"]] = body["lora_path"]
            return 200, "Success: added"
        if path == "/v1/unload_lora_adapter":
            return (200, "Success") if self.adapters.pop(body["lora_name"], None) else (404, "{}")
        if body["model"] not in {*self.adapters, "tiny"}:
            return 404, '{"error": {"message": "The model does not exist."}}'
        self.asked.append(body)
        return 200, CHUNK if body.get("stream") else json.dumps(
            {"choices": [{"message": {"role": "assistant", "content": "Yes."}}]}
        )


@contextmanager
def standing_in() -> Iterator[StandIn]:
    vllm = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, said = vllm.answer(self.path, body)
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        vllm.url = f"http://127.0.0.1:{listener.server_port}"
        yield vllm
        listener.shutdown()


@pytest.fixture
def vllm() -> Iterator[StandIn]:
    with standing_in() as one:
        yield one


def trainer(tmp_path: Path, clock: FakeClock, url: str) -> TrainerServer:
    """A trainer with one fine-tune of the base `tiny`."""
    server = TrainerServer(
        tmp_path / "trainer",
        FakeEmbedder(),
        FakeTokens(),
        clock,
        FakeIds(),
        bases={"gpt-4o-mini": "tiny"},
        vllm=Vllm(url),
    )
    made = tmp_path / "made"
    made.mkdir(exist_ok=True)
    for name in lora.ADAPTER:
        (made / name).write_bytes(b"{}")
    details = {"id": MODEL, "job": "ftjob-1", "base": "tiny"}
    server._folder.put_model(
        MODEL, lora.publish(made, model_folder(tmp_path / "trainer", MODEL), details)
    )
    return server


async def ask(server: TrainerServer, model: str, **more: Any) -> tuple[int, Any]:
    body = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "Open on Sunday?"}], **more}
    ).encode()
    status, said = await server.stream("POST", "/chat/completions", body, "application/json")
    return status, said if isinstance(said, bytes) else b"".join([piece async for piece in said])


async def test_an_adapter_is_told_once_and_what_was_asked_goes_through_whole(
    tmp_path: Path, clock: FakeClock, vllm: StandIn
) -> None:
    server = trainer(tmp_path, clock, vllm.url)
    for _ in range(2):
        status, said = await ask(
            server,
            MODEL,
            tools=[{"type": "function", "function": {"name": "look_up"}}],
            logit_bias={"7": 1},
        )
        assert (status, json.loads(said)["choices"][0]["message"]["content"]) == (200, "Yes.")
    assert vllm.adapters == {MODEL: str(model_folder(tmp_path / "trainer", MODEL))}
    assert vllm.asked[0]["tools"][0]["function"]["name"] == "look_up"


async def test_a_base_is_asked_under_its_own_name(
    tmp_path: Path, clock: FakeClock, vllm: StandIn
) -> None:
    status, _ = await ask(trainer(tmp_path, clock, vllm.url), "gpt-4o-mini")
    assert (status, vllm.asked[0]["model"], vllm.adapters) == (200, "tiny", {})


async def test_a_stream_comes_through_as_it_is(
    tmp_path: Path, clock: FakeClock, vllm: StandIn
) -> None:
    assert await ask(trainer(tmp_path, clock, vllm.url), MODEL, stream=True) == (
        200,
        CHUNK.encode(),
    )


async def test_an_adapter_that_was_forgotten_over_a_restart_is_told_again(
    tmp_path: Path, clock: FakeClock, vllm: StandIn
) -> None:
    server = trainer(tmp_path, clock, vllm.url)
    await ask(server, MODEL)
    vllm.adapters.clear()
    status, _ = await ask(server, MODEL)
    assert (status, list(vllm.adapters)) == (200, [MODEL])


async def test_one_that_another_process_told_already_is_served(
    tmp_path: Path, clock: FakeClock, vllm: StandIn
) -> None:
    vllm.adapters[MODEL] = "from before"
    status, _ = await ask(trainer(tmp_path, clock, vllm.url), MODEL)
    assert status == 200


async def test_a_deleted_model_is_forgotten_there_too(
    tmp_path: Path, clock: FakeClock, vllm: StandIn
) -> None:
    server = trainer(tmp_path, clock, vllm.url)
    await ask(server, MODEL)
    status, _ = await server.call("DELETE", f"/models/{MODEL}", b"", "")
    assert (status, vllm.adapters) == (200, {})


@pytest.mark.parametrize("streamed", [False, True])
async def test_where_nobody_answers_it_says_so_and_what_to_look_at(
    tmp_path: Path, clock: FakeClock, *, streamed: bool
) -> None:
    with standing_in() as gone:
        server = trainer(tmp_path, clock, gone.url)
        await ask(server, MODEL)
    status, said = await ask(server, MODEL, stream=streamed)
    assert status == (200 if streamed else 502)
    assert "TRAINER_SERVE_WITH" in json.loads(said.removeprefix(b"data: "))["error"]["message"]


def test_an_engine_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match="TRAINER_SERVE_WITH"):
        load(trainer_serve_with="llama=http://127.0.0.1:1")
