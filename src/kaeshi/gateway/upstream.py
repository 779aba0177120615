"""The models' side: a provider over HTTP, or the embedded trainer in this process.

Bytes in, bytes out.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from pydantic_core import from_json

from kaeshi.errors import Misconfigured, ProviderError
from kaeshi.gateway.client import MAX_ANSWER, Client, Connection
from kaeshi.gateway.encoding import decoded, decoded_pieces
from kaeshi.gateway.headers import Headers, of_another_account
from kaeshi.loop import Loop
from kaeshi.nouns import EMBEDDED
from kaeshi.ports import NO_TRAINER, Answerer
from kaeshi.rules import answer
from kaeshi.rules.unread import Unreadable

OK = 200
OPENAI = "https://api.openai.com/v1"
REDIRECTS = range(300, 400)
# what Azure serves below a deployment
DEPLOYED = frozenset(
    {
        "/chat/completions",
        "/completions",
        "/embeddings",
        "/audio/speech",
        "/audio/transcriptions",
        "/audio/translations",
        "/images/generations",
        "/images/edits",
    }
)


@dataclass(slots=True)
class Reply:
    """An answer.

    `pieces` where it is a stream: a caller that does not read it to the end closes it.
    """

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes = b""
    pieces: AsyncIterator[bytes] | None = None
    _said: answer.Said | None = None

    def said(self) -> answer.Said | None:
        """The content of a whole answer.

        None for an error, or where it is not OpenAI's format.
        """
        if self._said is None and self.status == OK:
            with suppress(Unreadable):
                self._said = answer.read(self.body)
        return self._said


class Upstream(Protocol):
    """Asks a model. Raises ProviderUnknown when no answer came."""

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes,
        authorization: bytes | None,
        base_url: str | None,
        headers: Headers = (),
    ) -> Reply: ...
    async def close(self) -> None: ...


class Remote:
    """Any provider that speaks OpenAI's wire.

    Connections are kept alive; a request is never sent twice. `api_version`: Azure's, which also
    wants its key in a header of its own.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        timeout_s: float,
        keys: Mapping[str, str] | None = None,
        api_version: str | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._client = Client(timeout_s)
        self._api_version = api_version
        known = {where.rstrip("/"): own for where, own in (keys or {}).items()} | (
            {self._base_url: key} if key is not None else {}
        )
        if not all(own.isascii() and own.isprintable() for own in known.values()):
            raise Misconfigured(
                "OPENAI_API_KEY or GATEWAY_PROVIDER_KEYS has characters that are not allowed "
                "in a header"
            )
        self._keys = {where: own.encode() for where, own in known.items()}

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes,
        authorization: bytes | None,
        base_url: str | None,
        headers: Headers = (),
    ) -> Reply:
        where = base_url.rstrip("/") if base_url else self._base_url
        if where == EMBEDDED:
            raise Misconfigured(NO_TRAINER)
        is_main = where == self._base_url
        # a key goes to its own provider only
        key = self._keys.get(where)
        sent = authorization if is_main else None
        if key is not None:
            sent = b"Bearer " + key
        if not is_main:
            headers = of_another_account(headers)
        elif self._api_version is not None:
            path = azure_path(where, path, body, self._api_version)
            if key is not None:
                headers = [*headers, (b"api-key", key)]
                sent = None
        connection = await self._client.ask(method, where, path, body, sent, headers)
        return self._reply(where, connection)

    def _reply(self, where: str, connection: Connection) -> Reply:
        found = connection.headers
        location = found.pop(b"location", b"")
        found.setdefault(b"content-type", b"application/json")
        encoding = found.pop(b"content-encoding", b"").strip()
        if connection.status in REDIRECTS:
            connection.close()
            raise redirected(f"the model's provider at {where}", location.decode("latin-1"))
        if connection.is_stream:
            pieces = self._client.pieces(where, connection)
            if encoding not in {b"", b"identity"}:
                pieces = decoded_pieces(pieces, encoding)
            return Reply(connection.status, found, pieces=pieces)
        body = connection.take()
        self._client.done(where, connection)
        if encoding not in {b"", b"identity"}:
            body = decoded(body, encoding, MAX_ANSWER)
        return Reply(connection.status, found, body)

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
        _headers: Headers = (),
    ) -> Reply:
        status, said = await self._answerer.stream(method, path, body, "application/json")
        if isinstance(said, bytes) and not said.startswith(b"data: "):
            return Reply(status, {b"content-type": b"application/json"}, said)
        return Reply(
            status,
            {b"content-type": b"text/event-stream"},
            pieces=_one(said) if isinstance(said, bytes) else said,
        )

    async def close(self) -> None:
        """Does nothing: the trainer belongs to the Loop."""


def azure_path(base_url: str, path: str, body: bytes, api_version: str) -> str:
    """The path at Azure: its version as a query, and a deployment for what a model answers.

    Azure's `/openai/v1` speaks OpenAI's paths and takes the version alone.
    """
    bare, _, query = path.partition("?")
    if base_url.endswith("/openai") and bare in DEPLOYED:
        name = from_json(body).get("model") if body.startswith(b"{") else None
        if isinstance(name, str):
            bare = f"/deployments/{quote(name, safe='')}{bare}"
    return f"{bare}?{query + '&' if query else ''}api-version={quote(api_version)}"


class Either:
    """The main provider, and the embedded trainer for what it trained, or the other way round."""

    def __init__(self, local: Local, remote: Remote, *, is_local: bool) -> None:
        self._local = local
        self._remote = remote
        self._is_local = is_local

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes,
        authorization: bytes | None,
        base_url: str | None,
        headers: Headers = (),
    ) -> Reply:
        is_local = self._is_local if base_url is None else base_url == EMBEDDED
        upstream: Upstream = self._local if is_local else self._remote
        return await upstream.ask(method, path, body, authorization, base_url, headers)

    async def close(self) -> None:
        await self._remote.close()


async def _one(piece: bytes) -> AsyncIterator[bytes]:
    yield piece


def upstream_of(loop: Loop) -> Upstream:
    """The provider in the settings, and the embedded trainer where it serves models.

    Create it inside the running event loop.
    """
    remote = _remote(loop)
    if loop.answerer is None:
        return remote
    return Either(Local(loop.answerer), remote, is_local=loop.settings.chats_embedded)


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
        settings.openai_api_version,
    )


def redirected(provider: str, location: str) -> ProviderError:
    """What is raised where a provider answers with a redirect to `location`."""
    msg = (
        f"{provider} redirects to {location!r}, and redirects are not followed; "
        "set OPENAI_BASE_URL to that place"
    )
    return ProviderError(msg)
