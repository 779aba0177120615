"""The application: one Loop, one place where errors become responses, a body limit."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kaeshi.app import open_loop
from kaeshi.errors import KaeshiError
from kaeshi.gateway import browsers
from kaeshi.gateway.door import Gateway
from kaeshi.jobs import scheduler
from kaeshi.settings import Settings, load
from kaeshi.steps.ingest import Ingest
from kaeshi.web import api, ask, pages
from kaeshi.web.limits import (
    CONVERSATIONS,
    SMALL_BODY_S,
    BodyLimit,
    TokenLimit,
    TooLarge,
    TooSlow,
    fault,
)

PEEKED = 1024 * 1024  # largest body that creates a conversation at the provider
log = logging.getLogger("kaeshi.web")


def create(settings: Settings | None = None, *, with_scheduler: bool = True) -> FastAPI:
    """The web application. The scheduler runs with it unless `with_scheduler` is False."""
    chosen = settings or load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_loop(settings=chosen) as loop:
            app.state.loop = loop
            app.state.ingest = Ingest()
            app.state.gateway = Gateway(loop)
            await app.state.gateway.start()
            if with_scheduler:
                scheduler.start(lambda: open_loop(settings=chosen))
            try:
                yield
            finally:
                if with_scheduler:
                    scheduler.stop()
                await app.state.gateway.stop()

    app = FastAPI(
        title="kaeshi",
        version="0.1.0",
        summary="The self-learning loop for LLM assistants.",
        lifespan=lifespan,
        # FastAPI's pages take their scripts from another server
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = chosen
    app.add_middleware(BodyLimit)
    app.add_exception_handler(KaeshiError, _ours)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_middleware(Anything)
    app.add_middleware(TokenLimit, settings=chosen)
    # outermost, so that the hot path passes through no other middleware
    app.add_middleware(GatewayFirst)
    app.include_router(api.router)
    app.include_router(pages.router)
    app.include_router(pages.open_router)
    app.include_router(ask.router)
    return app


class GatewayFirst:
    """Passes the gateway's paths to it before any other middleware.

    OpenAI's Conversations API is among them; its paths share their first part with kaeshi's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        gateway: Gateway = scope["app"].state.gateway
        if Gateway.takes(path):
            await gateway(scope, receive, send)
        elif path.startswith(CONVERSATIONS):
            is_theirs, receive = await _is_providers(gateway, scope, path, receive)
            await (gateway if is_theirs else self._app)(scope, receive, send)
        else:
            headers = dict(scope["headers"])
            origins = scope["app"].state.settings.gateway_origins
            opened = await browsers.opened(scope, headers, path, origins, send)
            if opened is not None:
                await self._app(scope, receive, opened)


async def _is_providers(
    gateway: Gateway, scope: Scope, path: str, receive: Receive
) -> tuple[bool, Receive]:
    """Whether a request below /v1/conversations is meant for the provider.

    With a receive that has the body again, where it had to be read.
    """
    method = scope["method"]
    name, _, rest = path.removeprefix(CONVERSATIONS).strip("/").partition("/")
    if name:
        is_ours = (method == "POST" and rest in {"outcome", "consent"}) or (
            method == "GET" and not rest.startswith("items") and await gateway.has(name)
        )
        return name.startswith("conv_") and not is_ours, receive
    if method != "POST" or not gateway.admits(scope, dict(scope["headers"])):
        return False, receive
    messages = await _peeked(receive)
    body = b"".join(message.get("body", b"") for message in messages)
    replayed = iter(messages)

    async def again() -> Message:
        return next(replayed, None) or await receive()

    return _creates_conversation(body), again


async def _peeked(receive: Receive) -> list[Message]:
    """The body's messages, as far as a small body goes, and as long as one may take."""
    messages: list[Message] = []
    size = 0
    with suppress(TimeoutError):  # the application refuses what is late
        async with asyncio.timeout(SMALL_BODY_S):
            while size <= PEEKED and (not messages or messages[-1].get("more_body")):
                messages.append(await receive())
                size += len(messages[-1].get("body", b""))
    return messages


def _creates_conversation(body: bytes) -> bool:
    """Whether the body is OpenAI's for a new conversation: items, metadata, or nothing."""
    if len(body) > PEEKED:
        return False
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(asked, dict) and asked.keys() <= {"items", "metadata"}


async def _not_served(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return fault(404, "not found")
    answer = fault(error.status_code, f"{error.detail[:1].lower()}{error.detail[1:]}")
    answer.headers.update(error.headers or {})
    return answer


async def _misread(_request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    why = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg'].lower()}" for f in faults[:3])
    return fault(422, why or "the request cannot be read")


async def _ours(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, KaeshiError) else 500
    return fault(status, " ".join(str(error).split()))


class Anything:
    """Any other exception becomes a 500 without internals, and is logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            if not has_begun:
                await fault(400, "the body ended early")(scope, receive, send)
        except Exception as error:  # the door
            if scope["type"] != "http" or has_begun or isinstance(error, TooLarge | TooSlow):
                raise
            log.exception("request failed method=%s path=%s", scope["method"], scope["path"])
            answer = fault(500, "internal error; the log has the details")
            await answer(scope, receive, send)
