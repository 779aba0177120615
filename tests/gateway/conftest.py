"""A gateway on a real SQLite file before a real provider on loopback, with failure switches."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from kaeshi.app import open_loop
from kaeshi.gateway.door import Gateway
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock, FakeIds
from kaeshi.settings import Settings
from kaeshi.steps import rollout

WORDS = ("We have ", "a table ", "for ten.")


@dataclass
class Script:
    """An answer piece by piece; a number is a pause in seconds.

    `left`: set when the gateway let the request go before its end.
    """

    pieces: list[bytes | float]
    kind: str = "text/event-stream"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            status=self.status, headers={"Content-Type": self.kind, **self.headers}
        )
        begun = False
        for piece in self.pieces:
            if isinstance(piece, float):
                await self._pause(request, piece)
                continue
            if not begun:
                await response.prepare(request)
                begun = True
            await response.write(piece)
        if not begun:
            await response.prepare(request)
        return response

    async def _pause(self, request: web.Request, seconds: float) -> None:
        for _ in range(int(seconds / 0.02)):
            await asyncio.sleep(0.02)
            if request.transport is None or request.transport.is_closing():
                self.left.set()
                return


@dataclass
class Provider:
    """Speaks OpenAI's chat wire.

    `trouble`: by model a status, or slow, cut (a stream that breaks off), html, endless (a stream
    that ends in the middle).
    """

    url: str = ""
    trouble: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        self.asked.append(raw)
        self.authorizations.append(request.headers.get("Authorization"))
        self._note(request)
        body = json.loads(raw)
        if body["model"] in self.scripts:
            return await self.scripts[body["model"]].play(request)
        trouble = self.trouble.get(body["model"])
        if trouble == "slow":
            await asyncio.sleep(1)
        if isinstance(trouble, int):
            return web.json_response(
                {"error": {"message": "no", "type": "server_error", "param": None, "code": None}},
                status=trouble,
            )
        if trouble == "html":
            return web.Response(text="<html>busy</html>", content_type="text/html")
        text = self.answers.get(body["model"])
        words = WORDS if text is None else tuple(re.findall(r"\S+\s*", text))
        if body.get("stream"):
            return await self._stream(request, body, words, trouble)
        message = {
            "role": "assistant",
            "content": "".join(words) if text is None else text,
            "refusal": None,
        }
        about = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": f"{body['model']}-2024-07-18",
        }
        answer = {
            **about,
            "choices": [
                {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
            ],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
        }
        self.sent.append(json.dumps(answer, indent=1).encode())
        return web.Response(body=self.sent[-1], content_type="application/json")

    async def _stream(
        self, request: web.Request, body: Any, words: tuple[str, ...], trouble: object
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        about = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": body["model"],
        }
        for number, word in enumerate(words):
            delta = {"content": word} if number else {"role": "assistant", "content": word}
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
            await response.write(
                b"data: " + json.dumps({**about, "choices": [choice]}).encode() + b"\n\n"
            )
            if trouble == "cut":
                request.transport.close()  # type: ignore[union-attr]
                return response
        if trouble == "endless":
            return response
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
        await response.write(
            b"data: " + json.dumps({**about, "choices": [choice]}).encode() + b"\n\n"
        )
        await response.write(b"data: [DONE]\n\n")
        return response

    def _note(self, request: web.Request) -> None:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.targets.append(request.raw_path)

    async def echo(self, request: web.Request) -> web.StreamResponse:
        """Any other path: sends the body back as it came."""
        self._note(request)
        response = web.StreamResponse(
            status=201,
            headers={
                "Content-Type": request.headers.get("Content-Type", "application/octet-stream"),
                "X-Request-Id": "req_1",
                "X-Internal": "secret",
            },
        )
        await response.prepare(request)
        async for piece in request.content.iter_any():
            await response.write(piece)
        return response

    async def responses(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.read())
        body = json.loads(self.asked[-1])
        if body["model"] in self.scripts:
            return await self.scripts[body["model"]].play(request)
        said = {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "".join(WORDS), "annotations": []}],
        }
        usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
        whole = {
            "id": "resp_1",
            "object": "response",
            "model": body["model"],
            "status": "completed",
            "output": [said],
            "usage": usage,
        }
        if not body.get("stream"):
            return web.json_response(whole)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in (
            {"type": "response.created"},
            *({"type": "response.output_text.delta", "delta": w} for w in WORDS),
        ):
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        await response.write(
            b"event: response.completed\ndata: "
            + json.dumps({"type": "response.completed", "response": whole}).encode()
            + b"\n\n"
        )
        return response

    async def hook(self, request: web.Request) -> web.Response:
        self.asked.append(await request.read())
        return web.Response()

    async def models(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "object": "list",
                "data": [{"id": "gpt-4o-mini", "object": "model", "created": 1, "owned_by": "x"}],
            }
        )


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", made.chat)
    app.router.add_post("/hook", made.hook)
    app.router.add_post("/v1/responses", made.responses)
    app.router.add_get("/v1/models", made.models)
    app.router.add_route("*", "/v1/{rest:.*}", made.echo)
    app.router.add_route("*", "/openai/{rest:.*}", made.chat)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"  # type: ignore[union-attr]
    yield made
    await runner.cleanup()


@pytest.fixture
async def loop(tmp_path: Path, clock: FakeClock, provider: Provider) -> AsyncIterator[Loop]:
    chosen = Settings(
        kaeshi_data_dir=tmp_path / "data",
        kaeshi_names="lists",
        openai_base_url=provider.url,
        gateway_deadline_seconds=0.5,
    )
    async with open_loop(settings=chosen, clock=clock, ids=FakeIds()) as opened:
        await rollout.set_production(opened, "gpt-4o-mini")
        yield opened


Opener = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def opened(loop: Loop) -> Opener:
    """Opens a client to a gateway of its own, with settings changed."""

    @asynccontextmanager
    async def at(address: str = "127.0.0.1", **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
        gateway = Gateway(replace(loop, settings=loop.settings.model_copy(update=changed)))
        await gateway.start()
        transport = httpx.ASGITransport(app=gateway, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/v1") as client:
            yield client
        await gateway.stop()

    return at


@pytest.fixture
async def client(opened: Opener) -> AsyncIterator[httpx.AsyncClient]:
    async with opened() as made:
        yield made


@pytest.fixture
def says(client: httpx.AsyncClient) -> Callable[..., Awaitable[httpx.Response]]:
    """Asks the concierge."""

    async def ask(
        *texts: str, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        roles = ("user", "assistant")
        messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]
        return await client.post(
            "/chat/completions",
            json={"model": "concierge", "messages": messages, **more},
            headers=headers,
        )

    return ask
