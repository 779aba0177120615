"""Every other path of the provider: bytes pass in both directions, outside experiments.

Files, batches, images, audio, moderations: clients need no second base URL. Bodies are streamed, so
memory stays flat; nothing is parsed or stored but a count.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, unquote

import aiohttp
from pydantic_core import from_json
from yarl import URL

from kaeshi.errors import ProviderUnknown
from kaeshi.gateway.headers import comes_back, to_provider
from kaeshi.gateway.requests import BODY_S, Fault, Receive, Scope, Send, send_response
from kaeshi.gateway.upstream import DEPLOYED, OPENAI, REDIRECTS, azure_path, redirected
from kaeshi.gateway.watch import Watch, Watches
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.ports import Answerer
from kaeshi.settings import Settings

BODY = frozenset({b"content-type", b"content-length", b"content-encoding"})
ASKED = frozenset({b"accept", b"accept-encoding", b"range"})
ALSO_BACK = frozenset({b"content-length", b"content-disposition", b"content-range"})
PIECE = 64 * 1024


class Passing:
    """Passes requests to the provider of the settings, or to the embedded trainer."""

    def __init__(self, settings: Settings, answerer: Answerer | None, watches: Watches) -> None:
        self._base_url = (settings.openai_base_url or OPENAI).rstrip("/")
        self._version = settings.openai_api_version
        self._key = settings.openai_api_key
        self._organization = settings.openai_org_id
        self._timeout = settings.gateway_timeout_seconds
        self._limit = settings.gateway_max_body_mb * 1024 * 1024
        self._answerer = answerer
        self._watches = watches
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __call__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        authorization: bytes | None,
    ) -> int:
        """Pass one request; returns the status. `path` starts behind /v1, quoted."""
        asked = path + (f"?{query}" if query else "")
        if self._answerer is not None:
            return await self._to_trainer(self._answerer, method, asked, headers, receive, send)
        watch = Watch(receive, self._watches)
        try:
            return await self._to_provider(
                method, asked, headers, receive, send, authorization, watch
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            msg = (
                f"no answer from the model's provider at {self._base_url}: {type(error).__name__}; "
                "check OPENAI_BASE_URL and the network"
            )
            raise ProviderUnknown(msg) from error
        finally:
            watch.end()

    async def _to_provider(
        self,
        method: str,
        asked: str,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
        authorization: bytes | None,
        watch: Watch,
    ) -> int:
        body: AsyncIterator[bytes] | bytes | None = None
        if b"content-length" in headers or b"transfer-encoding" in headers:
            body = _pieces(receive)
        if self._version is not None:
            body, asked = await self._for_azure(asked, body)
        sent = self._headers(headers, authorization)
        begun = False
        async with self._opened().request(
            method,
            URL(self._base_url + asked, encoded=True),
            data=body,
            headers=sent,
            allow_redirects=False,
        ) as reply:
            if reply.status in REDIRECTS:
                raise redirected("the model's provider", reply.headers.get("Location", ""))
            try:
                watch.begin()
                with watch:
                    await send(_start(reply))
                    begun = True
                    async for piece in reply.content.iter_chunked(PIECE):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            except asyncio.CancelledError:
                if not watch.has_left:
                    raise
            except aiohttp.ClientError:
                if not begun:
                    raise  # after the first byte the client sees the answer break off
            await send({"type": "http.response.body", "body": b""})
            return reply.status

    async def _for_azure(
        self, asked: str, body: AsyncIterator[bytes] | bytes | None
    ) -> tuple[AsyncIterator[bytes] | bytes | None, str]:
        """The body, read where the deployment is in it, and the path at Azure."""
        assert self._version is not None  # checked
        if asked.partition("?")[0] in DEPLOYED and body is not None and not isinstance(body, bytes):
            body = b"".join([piece async for piece in body])
        known = body if isinstance(body, bytes) else b""
        return body, azure_path(self._base_url, asked, known, self._version)

    def _headers(
        self, headers: Mapping[bytes, bytes], authorization: bytes | None
    ) -> dict[str, str]:
        kept = [(n, v) for n, v in headers.items() if n in BODY or n in ASKED]
        kept += to_provider(headers)
        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in kept}
        if self._key is not None:
            key = self._key.get_secret_value()
            sent |= {"authorization": f"Bearer {key}"}
            if self._version is not None:
                sent |= {"api-key": key}
        elif authorization is not None:
            sent["authorization"] = authorization.decode("latin-1")
        if self._organization is not None:
            sent.setdefault("openai-organization", self._organization)
        return sent

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_read=self._timeout),
            )
        return self._session

    async def _to_trainer(
        self,
        answerer: Answerer,
        method: str,
        asked: str,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
    ) -> int:
        body = bytearray()
        async for piece in _pieces(receive):
            body += piece
            if len(body) > self._limit:
                raise Fault(413, f"more than {self._limit} bytes (GATEWAY_MAX_BODY_MB)")
        kind = headers.get(b"content-type", b"application/json").decode("latin-1")
        status, said = await answerer.stream(method, asked, bytes(body), kind)
        if not isinstance(said, bytes):
            said = b"".join([piece async for piece in said])
        await send_response(send, status, said, [(b"content-type", b"application/json")])
        return status


def raw_path(scope: Scope, path: str) -> str:
    """The path behind /v1 as the client quoted it, where the server tells it."""
    raw: bytes = scope.get("raw_path") or b""
    sent = raw.partition(b"?")[0].decode("latin-1")
    if unquote(sent).rstrip("/").endswith(path) and "/v1/" in sent:
        return "/" + sent.split("/v1/", 1)[1]
    return quote(path.removeprefix("/v1"), safe="/:@!$&'()*+,;=~")


def models_in(raw: bytes) -> list[Json]:
    """The models in a provider's list, in the shapes that providers send."""
    body = from_json(raw)
    if isinstance(body, dict):  # Cohere's, and Ollama's without any
        body = body.get("data") or body.get("models") or []
    named = [{"id": item} if isinstance(item, str) else item for item in body]
    return [_with_id(item) for item in named if isinstance(item, dict)]


def _with_id(item: Json) -> Json:
    return item if "id" in item else {"id": item.get("name"), "object": "model", **item}


def _start(reply: aiohttp.ClientResponse) -> dict[str, object]:
    kept = [
        (name.lower(), value)
        for name, value in reply.raw_headers
        if comes_back(name.lower()) or name.lower() in ALSO_BACK
    ]
    return {"type": "http.response.start", "status": reply.status, "headers": kept}


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Fault when the client breaks off, or sends nothing more."""
    while True:
        try:
            async with asyncio.timeout(BODY_S):
                event = await receive()
        except TimeoutError as error:
            raise Fault(408, f"nothing more of the body came within {BODY_S} seconds") from error
        if event["type"] == "http.disconnect":
            raise Fault(400, "the body ended early")
        piece = event.get("body", b"")
        if piece:
            yield piece
        if not event.get("more_body"):
            return


def passing_of(loop: Loop, watches: Watches) -> Passing:
    """Passes to whatever answers by the settings."""
    answerer = loop.answerer if loop.settings.chats_embedded else None
    return Passing(loop.settings, answerer, watches)
