"""Who answers: a provider over HTTP, or the embedded trainer in this process. Bytes in, bytes out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from kaeshi.errors import ProviderUnknown
from kaeshi.loop import Loop
from kaeshi.ports import Answerer

OPENAI = "https://api.openai.com/v1"
CONNECT_S, KEEP_S = 10, 30


@dataclass(slots=True)
class Reply:
    """An answer. `pieces` where it comes as a stream: whoever does not read it to its end closes it."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes = b""
    pieces: AsyncIterator[bytes] | None = None


class Upstream(Protocol):
    """Asks a model. Raises ProviderUnknown where no answer came."""

    async def ask(self, method: str, path: str, body: bytes, authorization: bytes | None, base_url: str | None) -> Reply: ...
    async def close(self) -> None: ...


class Remote:
    """Any provider that speaks OpenAI's wire. Connections are kept; nothing is sent twice."""

    def __init__(self, base_url: str, key: str | None, timeout_s: float) -> None:
        self._base_url, self._key = base_url.rstrip("/"), None if key is None else f"Bearer {key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_S),
            timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S, sock_read=timeout_s),
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def ask(self, method: str, path: str, body: bytes, authorization: bytes | None, base_url: str | None) -> Reply:
        headers = {"Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = self._key
        elif authorization is not None:
            headers["Authorization"] = authorization.decode("latin-1")
        where = base_url.rstrip("/") if base_url else self._base_url
        try:
            response = await self._session.request(method, where + path, data=body, headers=headers, allow_redirects=False)
            told = {b"content-type": response.headers.get("Content-Type", "application/json").encode("latin-1")}
            for name in ("Retry-After", "X-Request-Id"):
                if name in response.headers:
                    told[name.lower().encode()] = response.headers[name].encode("latin-1")
            if told[b"content-type"].startswith(b"text/event-stream"):
                return Reply(response.status, told, pieces=_pieces(response))
            async with response:
                return Reply(response.status, told, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unknown(error) from error

    async def close(self) -> None:
        await self._session.close()


class Local:
    """The embedded trainer. It has no other address to be asked at."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    async def ask(self, method: str, path: str, body: bytes, _authorization: bytes | None, _base_url: str | None) -> Reply:
        status, answer = await self._answerer.stream(method, path, body, "application/json")
        if isinstance(answer, bytes):
            kind = b"text/event-stream" if answer.startswith(b"data: ") else b"application/json"
            return Reply(status, {b"content-type": kind}, answer)
        return Reply(status, {b"content-type": b"text/event-stream"}, pieces=answer)

    async def close(self) -> None:
        """There is nothing to close: it belongs to the loop."""


def upstream_of(loop: Loop) -> Upstream:
    """The provider that the settings name; the embedded trainer where they name none. Made inside the running event loop."""
    settings = loop.settings
    if loop.answerer is not None:
        return Local(loop.answerer)
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    return Remote(settings.openai_base_url or OPENAI, key, settings.gateway_timeout_seconds)


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _unknown(error) from error
    finally:
        with suppress(aiohttp.ClientError):
            response.close()


def _unknown(error: Exception) -> ProviderUnknown:
    return ProviderUnknown(f"no answer from the model's provider: {type(error).__name__}; check OPENAI_BASE_URL and the network")
