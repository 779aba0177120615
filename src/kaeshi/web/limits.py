"""What a request may take: bytes, seconds, and places beside others of its network."""

import asyncio
from collections import Counter

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kaeshi.gateway.callers import network_of
from kaeshi.gateway.requests import BODY_S, SERVER_ERROR, fault_body
from kaeshi.guard import client_address
from kaeshi.settings import Settings

MAX_BODY = 16 * 1024 * 1024
MAX_SMALL_BODY = 64 * 1024
SMALL_BODY_S = 10
CONVERSATIONS = "/v1/conversations"
UNAUTHORIZED = 401
TOKEN = b"x-kaeshi-feedback-token"
# requests with a token instead of a key that are handled at once
OF_ONE_NETWORK = 20
WAIT_S = 10.0
SPREAD_S = 0.02


class TooLarge(Exception):
    """Raised inside the application when a body exceeds the limit."""


class TooSlow(Exception):
    """Raised inside the application when a body does not come."""


class BodyLimit:
    """Refuses bodies over MAX_BODY before they are read into memory, and those that do not come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        most = _most(scope)
        seconds = BODY_S if most == MAX_BODY else SMALL_BODY_S
        answer = fault(413, f"more than {most} bytes; send fewer records at a time")
        if declared.isdigit() and int(declared) > most:
            await answer(scope, receive, send)
            return
        counted = _counted(receive, most, seconds)
        try:
            await self._app(scope, counted, send)
        except TooLarge:
            await answer(scope, receive, send)
        except TooSlow:
            late = fault(408, f"the body was not here within {seconds} seconds")
            await late(scope, receive, send)


def _counted(receive: Receive, most: int, seconds: float) -> Receive:
    """A receive that raises TooLarge and TooSlow."""
    seen = 0
    is_whole = False
    until = asyncio.get_running_loop().time() + seconds

    async def counted() -> Message:
        nonlocal seen, is_whole
        if is_whole:  # what comes next is the client's leaving, whenever that is
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError as error:
            raise TooSlow from error
        is_whole = not message.get("more_body")
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLarge
        return message

    return counted


def _most(scope: Scope) -> int:
    """The largest body of a path: only logs of conversations are long."""
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    return MAX_BODY if path.rstrip("/") == CONVERSATIONS else MAX_SMALL_BODY


class TokenLimit:
    """Lets OF_ONE_NETWORK requests with a token in at once; further ones of the network wait.

    A token is not looked at before: many slow requests must not keep the database busy. Who waits
    too long is refused.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._proxies = settings.trusted_proxies
        self._places: dict[str, asyncio.Semaphore] = {}
        self._held: Counter[str] = Counter()  # by network those who are in, and those who wait

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        if TOKEN not in headers:
            await self._app(scope, receive, send)
            return
        network = network_of(client_address(scope, headers, self._proxies))
        places = self._places.setdefault(network, asyncio.Semaphore(OF_ONE_NETWORK))
        # the later, the longer: those who came together must not be refused together
        waiting = max(self._held[network] - OF_ONE_NETWORK, 0)
        self._held[network] += 1
        try:
            await self._in_turn(places, WAIT_S + waiting * SPREAD_S, scope, receive, send)
        finally:
            self._held[network] -= 1
            if not self._held[network]:
                del self._held[network]
                del self._places[network]

    async def _in_turn(
        self,
        places: asyncio.Semaphore,
        seconds: float,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        try:
            async with asyncio.timeout(seconds):
                await places.acquire()
        except TimeoutError:
            busy = fault(429, "too many requests at once from this network; try again in a second")
            busy.headers["Retry-After"] = "1"
            await busy(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            places.release()


def fault(status: int, message: str) -> Response:
    """An error in OpenAI's format, as the gateway's are."""
    kind = "server_error" if status >= SERVER_ERROR else "invalid_request_error"
    return Response(
        fault_body(message, kind),
        status,
        {"WWW-Authenticate": "Bearer"} if status == UNAUTHORIZED else None,
        media_type="application/json",
    )
