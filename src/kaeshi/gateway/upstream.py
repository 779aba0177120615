"""The models' side: a provider over HTTP, or the embedded trainer in this process.

Bytes in, bytes out.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from kaeshi.errors import InvalidInput, Misconfigured
from kaeshi.gateway.client import Client
from kaeshi.loop import Loop
from kaeshi.ports import Answerer
from kaeshi.rules import wire

OK = 200
OPENAI = "https://api.openai.com/v1"


@dataclass(slots=True)
class Reply:
    """An answer.

    `pieces` where it is a stream: a caller that does not read it to the end closes it.
    """

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes = b""
    pieces: AsyncIterator[bytes] | None = None
    _said: wire.Said | None = None

    def said(self) -> wire.Said | None:
        """The content of a whole answer.

        None for an error, or where it is not OpenAI's format.
        """
        if self._said is None and self.status == OK:
            with suppress(InvalidInput):
                self._said = (wire.said_in_stream if self.body.startswith(b"data:") else wire.said)(
                    self.body
                )
        return self._said


class Upstream(Protocol):
    """Asks a model. Raises ProviderUnknown when no answer came."""

    async def ask(
        self, method: str, path: str, body: bytes, authorization: bytes | None, base_url: str | None
    ) -> Reply: ...
    async def close(self) -> None: ...


class Remote:
    """Any provider that speaks OpenAI's wire.

    Connections are kept alive; a request is never sent twice.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        timeout_s: float,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._client = Client(timeout_s)
        known = {where.rstrip("/"): own for where, own in (keys or {}).items()} | (
            {self._base_url: key} if key is not None else {}
        )
        if not all(own.isascii() and own.isprintable() for own in known.values()):
            raise Misconfigured(
                "OPENAI_API_KEY or GATEWAY_PROVIDER_KEYS has characters that are not allowed "
                "in a header"
            )
        self._keys = {where: f"Bearer {own}".encode() for where, own in known.items()}

    async def ask(
        self, method: str, path: str, body: bytes, authorization: bytes | None, base_url: str | None
    ) -> Reply:
        where = base_url.rstrip("/") if base_url else self._base_url
        # a key goes to its own provider only
        key = self._keys.get(where) or (authorization if where == self._base_url else None)
        connection = await self._client.ask(method, where, path, body, key)
        headers = connection.headers
        headers.setdefault(b"content-type", b"application/json")
        if connection.is_stream:
            return Reply(connection.status, headers, pieces=self._client.pieces(where, connection))
        reply = Reply(connection.status, headers, connection.take())
        self._client.done(where, connection)
        return reply

    async def close(self) -> None:
        self._client.close()


class Local:
    """The embedded trainer. It ignores the base URL."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes,
        _authorization: bytes | None,
        _base_url: str | None,
    ) -> Reply:
        status, answer = await self._answerer.stream(method, path, body, "application/json")
        if isinstance(answer, bytes) and not answer.startswith(b"data: "):
            return Reply(status, {b"content-type": b"application/json"}, answer)
        return Reply(
            status,
            {b"content-type": b"text/event-stream"},
            pieces=_one(answer) if isinstance(answer, bytes) else answer,
        )

    async def close(self) -> None:
        """Does nothing: the trainer belongs to the Loop."""


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece


def upstream_of(loop: Loop) -> Upstream:
    """The provider in the settings, else the embedded trainer.

    Create it inside the running event loop.
    """
    return Local(loop.answerer) if loop.answerer is not None else _remote(loop)


def judge_of(loop: Loop) -> Upstream | None:
    """Where the judge is asked; None when the settings name no judge."""
    settings = loop.settings
    if settings.gateway_judge_model is None:
        return None
    return _remote(loop) if settings.gateway_judge_base_url else upstream_of(loop)


def _remote(loop: Loop) -> Remote:
    settings = loop.settings
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    return Remote(
        settings.openai_base_url or OPENAI,
        key,
        settings.gateway_timeout_seconds,
        settings.provider_keys,
    )
