"""The application: one Loop, one place where errors become responses, a body limit."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kaeshi.app import open_loop
from kaeshi.errors import KaeshiError
from kaeshi.gateway.door import Gateway
from kaeshi.jobs import scheduler
from kaeshi.settings import Settings, load
from kaeshi.web import api, pages

MAX_BODY = 16 * 1024 * 1024
log = logging.getLogger("kaeshi.web")


def create(settings: Settings | None = None, *, with_scheduler: bool = True) -> FastAPI:
    """The web application. The scheduler runs with it unless `with_scheduler` is False."""
    chosen = settings or load()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_loop(settings=chosen) as loop:
            app.state.loop = loop
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
    )
    app.state.settings = chosen
    app.add_middleware(BodyLimit)
    app.add_exception_handler(KaeshiError, _ours)
    app.add_exception_handler(RequestValidationError, _misread)
    app.middleware("http")(_anything)
    # outermost, so that the hot path passes through no other middleware
    app.add_middleware(GatewayFirst)
    app.include_router(api.router)
    app.include_router(pages.router)
    return app


class GatewayFirst:
    """Passes the gateway's paths to it before any other middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Gateway.takes(
            scope["path"].removeprefix(scope.get("root_path", ""))
        ):
            await scope["app"].state.gateway(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class _TooLarge(Exception):
    """Raised inside the application when a body exceeds the limit."""


class BodyLimit:
    """Refuses bodies over MAX_BODY before they are read into memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise _TooLarge
            return message

        answer = JSONResponse(
            {"error": f"more than {MAX_BODY} bytes; send fewer records at a time"}, status_code=413
        )
        if declared.isdigit() and int(declared) > MAX_BODY:
            await answer(scope, receive, send)
            return
        try:
            await self._app(scope, counted, send)
        except _TooLarge:
            await answer(scope, receive, send)


async def _misread(_request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    why = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg'].lower()}" for f in faults[:3])
    return JSONResponse({"error": why or "the request cannot be read"}, status_code=422)


async def _ours(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, KaeshiError) else 500
    return JSONResponse({"error": " ".join(str(error).split())}, status_code=status)


async def _anything(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Any other exception becomes a 500 without internals, and is logged."""
    try:
        return await call_next(request)
    except _TooLarge:
        raise
    except ClientDisconnect:
        return JSONResponse({"error": "the body ended early"}, status_code=400)
    except Exception:  # the door
        log.exception("request failed method=%s path=%s", request.method, request.url.path)
        return JSONResponse({"error": "internal error; the log has the details"}, status_code=500)
