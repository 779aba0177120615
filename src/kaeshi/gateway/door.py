"""The OpenAI-compatible gateway: assign, ask, answer, log.

This is the hot path: plain ASGI and bytes, and no database read per request. A request is forwarded
byte for byte with only the model's name changed, and so is the response. For models that read
placeholders the conversation is scrubbed on the way in and restored on the way out.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import quote

from pydantic_core import from_json

from kaeshi.errors import InvalidInput, KaeshiError, ProviderError
from kaeshi.gateway import tokens
from kaeshi.gateway.auth import may_call
from kaeshi.gateway.live import Live, Threads
from kaeshi.gateway.record import Record, pack
from kaeshi.gateway.restoring import completion, restored, restored_pieces
from kaeshi.gateway.spool import Spool
from kaeshi.gateway.telemetry import Metrics
from kaeshi.gateway.upstream import OK, Reply, Upstream, upstream_of
from kaeshi.loop import Loop
from kaeshi.nouns import HAND_OVER, Assignment, Candidate, Consent, Json
from kaeshi.rules import wire
from kaeshi.steps import asking
from kaeshi.steps.asking import Prepared, Question
from kaeshi.steps.conversation import Routing
from kaeshi.steps.shelf import Shelf

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
MAX_BODY = 16 * 1024 * 1024
LONGEST_ID = 190
TOO_MANY = 429
SERVER_ERROR = 500
CONSENTS: dict[str, Consent] = {consent: consent for consent in get_args(Consent)}
PASSED = frozenset({("GET", "/v1/models"), ("POST", "/v1/embeddings")})
CHATS = frozenset({"/v1/chat/completions", "/v1/responses"})
JSON_KIND = (b"content-type", b"application/json")
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
PROMETHEUS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
log = logging.getLogger("kaeshi.gateway")


class _Fault(Exception):
    """A client error, answered in OpenAI's format."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(kw_only=True, slots=True)
class _Turn:
    """The state of one request."""

    assistant: str
    body: Mapping[str, Any]
    messages: tuple[Json, ...]
    candidate: Candidate  # who was assigned
    fallback: Candidate | None  # who answers if they do not
    authorization: bytes | None
    began: float
    record: Record
    logged: bool = False


class Gateway:
    """An ASGI application for the paths that `takes` accepts.

    Start and stop it inside the running event loop.
    """

    def __init__(self, loop: Loop, upstream: Upstream | None = None) -> None:
        settings = loop.settings
        self._loop = loop
        self._settings = settings
        self._aliases = loop.aliases
        self._live = Live(loop, loop.served)
        self._threads = Threads()
        self._shelf = Shelf()
        self._spools: dict[str, Spool] = {}
        self._name = loop.ids.new("spool")
        self._metrics = Metrics(self._name)
        self._own_upstream = upstream
        self._upstream = upstream
        key = settings.gateway_key or settings.kaeshi_admin_key
        self._key = None if key is None else key.get_secret_value().encode()

    async def start(self) -> None:
        """Read the routing, open the spools and the connection to the provider."""
        await self._live.start()
        self._upstream = self._upstream or upstream_of(self._loop)
        for assistant in self._loop.served:
            folder = self._live.loop(assistant).folder("gateway")
            limit = self._settings.gateway_spool_mb * 1024 * 1024
            self._spools[assistant] = Spool(folder, self._name, self._loop.store.keyring, limit)

    async def stop(self) -> None:
        """Close the spools, the routing and the connections."""
        await self._live.stop()
        if self._upstream is not None and self._own_upstream is None:
            await self._upstream.close()
            self._upstream = None
        while self._spools:
            self._spools.popitem()[1].close()

    @staticmethod
    def takes(path: str) -> bool:
        """Whether the gateway serves this path."""
        return (
            path in CHATS
            or path in {"/v1/embeddings", "/v1/models", "/metrics"}
            or path.startswith("/v1/models/")
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        headers = dict(scope["headers"])
        try:
            self._check(scope, headers)
            await self._routed(receive, path, send, scope, headers, began)
        except _Fault as fault:
            await _send(
                send, fault.status, _fault(str(fault), "invalid_request_error"), [JSON_KIND]
            )
        except KaeshiError as error:
            kind = "upstream_error" if isinstance(error, ProviderError) else "invalid_request_error"
            await _send(send, error.status, _fault(str(error), kind), [JSON_KIND])
        except Exception:  # the door
            log.exception("request failed path=%s", path)
            await _send(
                send,
                SERVER_ERROR,
                _fault("internal error; the log has the details", "server_error"),
                [JSON_KIND],
            )

    async def _routed(
        self,
        receive: Receive,
        path: Any,
        send: Send,
        scope: Scope,
        headers: dict[Any, Any],
        began: float,
    ) -> None:
        raw = await _body(receive)
        if path == "/metrics":
            await _send(send, OK, self._metrics.page(), [PROMETHEUS])
        elif path in CHATS and scope["method"] == "POST":
            await self._chat(path, raw, headers, began, receive, send)
        else:
            _check_passed(scope["method"], path)
            query = b"?" + scope["query_string"] if scope.get("query_string") else b""
            await self._pass(scope["method"], path, query.decode("latin-1"), raw, headers, send)

    def _check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if not may_call(scope, headers, self._key):
            raise _Fault(
                401,
                (
                    "send the gateway's key as Authorization: Bearer KEY; without a key only "
                    "this machine may call"
                ),
            )

    async def _pass(
        self,
        method: str,
        path: str,
        query: str,
        raw: bytes,
        headers: Mapping[bytes, bytes],
        send: Send,
    ) -> None:
        """Forward requests without a customer or an arm.

        Embeddings, and the list of models, to which the aliases are added.
        """
        assert self._upstream is not None  # started
        wanted = path.removeprefix("/v1/models/")
        if wanted in self._aliases:
            await _send(send, OK, json.dumps(_alias(wanted)).encode(), [JSON_KIND])
            return
        asked = (
            quote(path.removeprefix("/v1")) + query
        )  # the server has decoded the path, which is client input
        reply = await _whole(
            await self._upstream.ask(method, asked, raw, self._passed_on(headers), None)
        )
        self._with_aliases(path, reply)
        await _send(send, reply.status, reply.body, list(reply.headers.items()))

    def _with_aliases(self, path: str, reply: Reply) -> None:
        if path == "/v1/models" and reply.status == OK:
            body = from_json(reply.body)
            body["data"] = [_alias(name) for name in self._aliases] + body["data"]
            reply.body = json.dumps(body).encode()

    async def _chat(
        self,
        path: str,
        raw: bytes,
        headers: Mapping[bytes, bytes],
        began: float,
        receive: Receive,
        send: Send,
    ) -> None:
        turn = await self._turn(path, raw, headers, began)
        try:
            reply = await self._answered(turn, path)
            if reply.pieces is None:
                await self._answer_whole(turn, reply, send)
            else:
                await self._answer_in_pieces(turn, reply, reply.pieces, receive, send)
        except KaeshiError as error:
            turn.record.status = turn.record.status or error.status
            turn.record.failed = turn.record.failed or isinstance(error, ProviderError)
            raise
        finally:
            if not turn.logged:  # log it, however it ended
                turn.record.failed = turn.record.failed or not turn.record.status
                turn.record.status = turn.record.status or SERVER_ERROR
                self._log(turn)

    async def _turn(
        self, path: str, raw: bytes, headers: Mapping[bytes, bytes], began: float
    ) -> _Turn:
        """Which customer and conversation the request belongs to, and which model answers it."""
        body, messages = _decoded(raw)
        model = body.get("model")
        if not isinstance(model, str):
            raise _Fault(400, f"model is missing; ask for {', '.join(self._aliases)}")
        assistant = self._aliases.get(model, self._loop.assistant)
        customer, named = _callers_ids(headers, body)
        consent = self._consent_of(headers)
        conversation = (
            named
            or await self._continued(assistant, customer, messages)
            or self._loop.ids.new("conv")
        )
        customer = customer or conversation
        routing = self._live.routing(assistant)
        assignment, candidate = await self._assigned(assistant, model, customer, routing)
        record = self._record_of(
            conversation, customer, named, consent, path, assignment, routing, body, raw
        )
        return _Turn(
            assistant=assistant,
            body=body,
            messages=messages,
            candidate=candidate,
            fallback=_fallback(routing, assignment),
            authorization=self._passed_on(headers),
            began=began,
            record=record,
        )

    def _consent_of(self, headers: Mapping[bytes, bytes]) -> Consent:
        said = _given(headers, b"x-kaeshi-consent")
        consent = CONSENTS.get(said) if said else self._settings.gateway_consent
        if consent is None:
            raise _Fault(400, f"X-Kaeshi-Consent {said!r} is none of {', '.join(CONSENTS)}")
        return consent

    def _record_of(
        self,
        conversation: str,
        customer: str,
        named: str | None,
        consent: Consent,
        path: str,
        assignment: Assignment | None,
        routing: Routing,
        body: Any,
        raw: bytes,
    ) -> Record:
        return Record(
            id=self._loop.ids.new("msg"),
            conversation=conversation,
            customer=customer,
            scope=named or (customer if customer != conversation else ""),
            consent=consent,
            at=self._loop.clock.now().timestamp(),
            path=path,
            experiment=assignment.experiment if assignment else None,
            arm=assignment.arm if assignment else None,
            share=assignment.share if assignment else None,
            epoch=routing.epoch,
            streamed=bool(body.get("stream")),
            request=raw,
        )

    async def _assigned(
        self, assistant: str, model: str, customer: str, routing: Routing
    ) -> tuple[Assignment | None, Candidate]:
        """Which model answers.

        A model that the client names itself takes part in no experiment.
        """
        if model not in self._aliases:
            return None, await asking.candidate_named(self._live.loop(assistant), model)
        assignment, candidate = routing.assign(customer)
        if candidate is None:
            raise _Fault(
                503,
                f"assistant {assistant!r} has nothing in production; "
                "start with `kaeshi rollout start MODEL --first`",
            )
        return assignment, candidate

    async def _continued(
        self, assistant: str, customer: str | None, messages: Sequence[Json]
    ) -> str | None:
        """The conversation that these messages continue, recognised by our own last reply.

        None for a new conversation, or when several match.
        """
        prior = wire.replied(messages)
        if not prior:
            return None
        digest = self._loop.store.keyring.digest(
            assistant, customer or "", wire.thread(messages[:prior])
        )
        known = self._threads.get(digest)
        if known is None:
            # from another process, or from before this one started
            async with self._loop.store.read() as tx:
                known = await tx.conversation_of(assistant, digest)
        return known or None

    async def _answered(self, turn: _Turn, path: str) -> Reply:
        """The assigned model's answer.

        When a candidate fails or is too late, production answers and the failure counts against the
        candidate.
        """
        if turn.fallback is None:
            reply = await self._ask(turn, turn.candidate, path)
            turn.record.failed = _is_failure(reply)
            return reply
        first = await self._first_try(turn, path)
        if first is not None and first.status == OK:
            return first
        theirs = turn.fallback
        turn.fallback = None
        turn.record.failed = True
        second = await self._ask(turn, theirs, path)
        # when production fails on it too, the client is at fault and not the candidate
        turn.record.failed = first is None or _is_failure(first) or second.status == OK
        turn.candidate = theirs
        return second

    async def _first_try(self, turn: _Turn, path: str) -> Reply | None:
        """The candidate's answer; None if it failed or came too late."""
        first: Reply | None = None
        try:
            async with asyncio.timeout(self._settings.gateway_deadline_seconds):
                first = await self._begun(await self._ask(turn, turn.candidate, path))
        except Exception as error:  # on any error production can still answer
            log.warning(
                "candidate %s did not answer (%s); production answers instead",
                turn.candidate.model,
                type(error).__name__,
            )
        return first

    async def _ask(self, turn: _Turn, candidate: Candidate, path: str) -> Reply:
        assert self._upstream is not None  # started
        asked = asking.Question(
            path=path.removeprefix("/v1"),
            raw=turn.record.request,
            body=turn.body,
            messages=turn.messages,
        )
        loop = self._live.loop(turn.assistant)
        prepared = await asking.prepare(loop, self._shelf, candidate, asked)
        if isinstance(prepared, asking.HandOver):
            return _handed_over(turn, candidate)
        return await self._reply_to(asked, prepared, turn, candidate)

    async def _reply_to(
        self, asked: Question, prepared: Prepared, turn: _Turn, candidate: Candidate
    ) -> Reply:
        assert self._upstream is not None  # started
        reply = await self._upstream.ask(
            "POST", asked.path, prepared.body, turn.authorization, candidate.serving.base_url
        )
        if prepared.values is None or reply.status != OK:
            return reply
        if reply.pieces is not None:
            pieces = restored_pieces(reply.pieces, prepared.values)
            return Reply(OK, reply.headers, pieces=pieces)
        return Reply(OK, reply.headers, restored(reply.body, prepared.values))

    async def _begun(self, reply: Reply) -> Reply:
        """Wait until the answer has begun.

        For a stream that is its first piece, otherwise the whole body.
        """
        if reply.pieces is None:
            if reply.status == OK and reply.said() is None:
                raise ProviderError("the answer is not OpenAI's format")
            return reply
        if reply.status != OK:
            return await _whole(reply)
        first = await anext(reply.pieces, b"")
        if not first or first.lstrip().startswith(b'data: {"error"'):
            await _close(reply.pieces)
            raise ProviderError("the stream broke off before its first piece")
        return Reply(reply.status, reply.headers, pieces=_chained(first, reply.pieces))

    async def _answer_whole(self, turn: _Turn, reply: Reply, send: Send) -> None:
        record = turn.record
        record.status = reply.status
        record.answer = reply.body
        record.streamed = reply.body.startswith(b"data:")
        record.latency_ms = (time.perf_counter() - turn.began) * 1000
        self._read_whole(reply, record, turn)
        self._log(turn)
        await _send(send, reply.status, reply.body, [*reply.headers.items(), *self._told(turn)])

    def _read_whole(self, reply: Reply, record: Record, turn: _Turn) -> None:
        if reply.status == OK:
            said = reply.said()
            if said is None:
                record.failed = True
            else:
                self._thread(turn, said.message)

    async def _answer_in_pieces(
        self, turn: _Turn, reply: Reply, pieces: AsyncIterator[bytes], receive: Receive, send: Send
    ) -> None:
        record = turn.record
        record.status = reply.status
        headers = self._stream_headers(reply, turn)
        gone = asyncio.ensure_future(receive())
        seen: list[bytes] = []
        end = wire.StreamEnd()
        logged = False
        try:
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            async for piece in pieces:
                if gone.done():
                    record.cut_off = True
                    break
                if not seen:
                    record.first_token_ms = (time.perf_counter() - turn.began) * 1000
                seen.append(piece)
                if not logged and end.reached(piece):
                    logged = True
                    self._log_stream(turn, seen)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except ProviderError as error:
            record.failed = record.cut_off = True
            await _send_fault(send, error)
        finally:
            gone.cancel()
            await _close(pieces)
            if not logged:
                self._log_stream(turn, seen)
        await send({"type": "http.response.body", "body": b""})

    def _stream_headers(self, reply: Reply, turn: _Turn) -> list[tuple[bytes, bytes]]:
        return [
            *((name, value) for name, value in reply.headers.items() if name != b"content-type"),
            EVENTS,
            *self._told(turn),
        ]

    def _log_stream(self, turn: _Turn, seen: Sequence[bytes]) -> None:
        record = turn.record
        record.answer = b"".join(seen)
        record.streamed = True
        self._read_whole_stream(turn, record)
        self._log(turn)

    def _read_whole_stream(self, turn: _Turn, record: Record) -> None:
        record.latency_ms = (time.perf_counter() - turn.began) * 1000
        if record.status == OK and not record.cut_off:
            try:
                said = wire.said_in_stream(record.answer)
                if said.finish_reason is None:
                    record.cut_off = record.failed = True
                else:
                    self._thread(turn, said.message)
            except InvalidInput:
                record.failed = record.cut_off = True

    def _thread(self, turn: _Turn, reply: Json) -> None:
        """Remember the state of the conversation, so that its next request is recognised."""
        record = turn.record
        if record.scope != record.conversation:
            thread = wire.thread((*turn.messages, reply))
            self._threads.put(
                self._loop.store.keyring.digest(turn.assistant, record.scope, thread),
                record.conversation,
            )

    def _log(self, turn: _Turn) -> None:
        turn.logged = True
        turn.record.latency_ms = turn.record.latency_ms or (time.perf_counter() - turn.began) * 1000
        logged = self._spools[turn.assistant].add(pack(turn.record))
        self._metrics.add(turn.assistant, turn.record, logged=logged)
        if not logged:
            log.error(
                (
                    "a request of assistant %s could not be logged: the spool or the disk is "
                    "full; counted as dropped"
                ),
                turn.assistant,
            )

    def _told(self, turn: _Turn) -> list[tuple[bytes, bytes]]:
        record = turn.record
        token = tokens.issue(self._loop.store.keyring, turn.assistant, record.id, int(record.at))
        return [
            (b"x-kaeshi-message", record.id.encode()),
            (b"x-kaeshi-conversation", record.conversation.encode("utf-8", "replace")),
            (b"x-kaeshi-arm", (record.arm or "production").encode()),
            (b"x-kaeshi-feedback-token", token.encode()),
        ]

    def _passed_on(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        """The client's own key for the provider, where the gateway requires none."""
        return headers.get(b"authorization") if self._key is None else None


def _callers_ids(headers: Mapping[bytes, bytes], body: Any) -> tuple[str | None, str | None]:
    customer = (
        _given(headers, b"x-kaeshi-customer")
        or _text(body, "user")
        or _text(body, "safety_identifier")
    )
    named = _given(headers, b"x-kaeshi-conversation") or _text(
        body.get("metadata"), "conversation_id"
    )
    for what, value in (("customer", customer), ("conversation", named)):
        if value and (len(value) > LONGEST_ID or not value.isprintable()):
            raise _Fault(
                400,
                f"the {what} is {value[:20]!r}...: at most {LONGEST_ID} printable characters",
            )
    return customer, named


def _decoded(raw: bytes) -> tuple[Any, tuple[Json, ...]]:
    """The body and its messages. Raises _Fault for anything but OpenAI's format."""
    try:
        body = from_json(raw, allow_inf_nan=False)
        messages = wire.messages_of(body)
    except InvalidInput as error:
        raise _Fault(400, str(error)) from error
    except ValueError as error:
        raise _Fault(
            400, "the body is not JSON; lone surrogates, NaN and infinities are not JSON either"
        ) from error
    return body, messages


async def _send_fault(send: Send, error: ProviderError) -> None:
    await send(
        {
            "type": "http.response.body",
            "body": b"data: " + _fault(str(error), "upstream_error") + b"\n\n",
            "more_body": True,
        }
    )


def _fallback(routing: Routing, assignment: Assignment | None) -> Candidate | None:
    """The model that answers when a candidate does not; None when production was assigned."""
    if assignment is None or assignment.arm == "production":
        return None
    return routing.production


def _handed_over(turn: _Turn, candidate: Candidate) -> Reply:
    record = turn.record
    return completion(
        HAND_OVER, candidate.model, record.id, int(record.at), streamed=record.streamed
    )


def _check_passed(method: str, path: str) -> None:
    """Raise _Fault for a model that is not served here: the operator pays for the request."""
    model = path.removeprefix("/v1/models/")
    if (method, path) not in PASSED and (
        method != "GET" or model == path or {".", ".."} & set(model.split("/"))
    ):
        raise _Fault(405, f"{method} {path} is not served here; send it to the provider directly")


def _is_failure(reply: Reply) -> bool:
    return reply.status >= SERVER_ERROR or reply.status == TOO_MANY


def _alias(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "kaeshi"}


def _given(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return value.decode("utf-8", "replace") or None if value is not None else None


def _text(body: object, name: str) -> str | None:
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value else None


async def _body(receive: Receive) -> bytes:
    event = await receive()
    body: bytes = event.get("body", b"")
    while event.get("more_body") and len(body) <= MAX_BODY:
        event = await receive()
        body += event.get("body", b"")
    if len(body) > MAX_BODY:
        raise _Fault(413, f"more than {MAX_BODY} bytes")
    if event["type"] == "http.disconnect":
        raise _Fault(400, "the body ended early")
    return body


async def _whole(reply: Reply) -> Reply:
    if reply.pieces is None:
        return reply
    return Reply(reply.status, reply.headers, b"".join([piece async for piece in reply.pieces]))


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await _close(rest)


async def _close(pieces: AsyncIterator[bytes]) -> None:
    """Tell the source of the pieces that the client has left."""
    await pieces.aclose()  # type: ignore[attr-defined]  # every stream here is an async generator


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _fault(message: str, kind: str) -> bytes:
    return json.dumps(
        {"error": {"message": message, "type": kind, "param": None, "code": None}}
    ).encode()
