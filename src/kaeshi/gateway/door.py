"""The OpenAI-compatible gateway: assign, ask, answer, log.

This is the hot path: plain ASGI and bytes, and no database read per request. A request is forwarded
byte for byte with only the model's name changed, and so is the response. For models that read
placeholders the conversation is scrubbed on the way in and restored on the way out.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from urllib.parse import quote

from pydantic_core import from_json

from kaeshi.errors import KaeshiError, ProviderError
from kaeshi.gateway.auth import may_call
from kaeshi.gateway.live import Live, Threads
from kaeshi.gateway.record import Record
from kaeshi.gateway.requests import (
    JSON_KIND,
    SERVER_ERROR,
    Fault,
    Receive,
    Scope,
    Send,
    body_of,
    callers_ids,
    chained,
    close_stream,
    decoded,
    fault_body,
    given,
    is_failure,
    send_response,
)
from kaeshi.gateway.responses import Responses, Turn
from kaeshi.gateway.restoring import completion, restored, restored_pieces
from kaeshi.gateway.spool import Spool
from kaeshi.gateway.telemetry import Metrics
from kaeshi.gateway.upstream import OK, Reply, Upstream, upstream_of
from kaeshi.loop import Loop
from kaeshi.nouns import HAND_OVER, Assignment, Candidate, Consent, Json
from kaeshi.rules import wire
from kaeshi.steps import asking
from kaeshi.steps.conversation import Routing
from kaeshi.steps.shelf import Shelf

CONSENTS: dict[str, Consent] = {consent: consent for consent in get_args(Consent)}
PASSED = frozenset({("GET", "/v1/models"), ("POST", "/v1/embeddings")})
CHATS = frozenset({"/v1/chat/completions", "/v1/responses"})
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
PROMETHEUS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
log = logging.getLogger("kaeshi.gateway")


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
        self._responses = Responses(loop.store.keyring, self._spools, self._threads, self._metrics)
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
        except Fault as fault:
            await send_response(
                send, fault.status, fault_body(str(fault), "invalid_request_error"), [JSON_KIND]
            )
        except KaeshiError as error:
            kind = "upstream_error" if isinstance(error, ProviderError) else "invalid_request_error"
            await send_response(send, error.status, fault_body(str(error), kind), [JSON_KIND])
        except Exception:  # the door
            log.exception("request failed path=%s", path)
            await send_response(
                send,
                SERVER_ERROR,
                fault_body("internal error; the log has the details", "server_error"),
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
        raw = await body_of(receive)
        if path == "/metrics":
            await send_response(send, OK, self._metrics.page(), [PROMETHEUS])
        elif path in CHATS and scope["method"] == "POST":
            await self._chat(path, raw, headers, began, receive, send)
        else:
            _check_passed(scope["method"], path)
            query = b"?" + scope["query_string"] if scope.get("query_string") else b""
            await self._pass(scope["method"], path, query.decode("latin-1"), raw, headers, send)

    def _check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if not may_call(scope, headers, self._key):
            raise Fault(
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
            await send_response(send, OK, json.dumps(_alias(wanted)).encode(), [JSON_KIND])
            return
        asked = (
            quote(path.removeprefix("/v1")) + query
        )  # the server has decoded the path, which is client input
        reply = await _whole(
            await self._upstream.ask(method, asked, raw, self._passed_on(headers), None)
        )
        self._with_aliases(path, reply)
        await send_response(send, reply.status, reply.body, list(reply.headers.items()))

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
                await self._responses.send_whole(turn, reply, send)
            else:
                await self._responses.send_stream(turn, reply, reply.pieces, receive, send)
        except KaeshiError as error:
            turn.record.status = turn.record.status or error.status
            turn.record.failed = turn.record.failed or isinstance(error, ProviderError)
            raise
        finally:
            if not turn.logged:  # log it, however it ended
                turn.record.failed = turn.record.failed or not turn.record.status
                turn.record.status = turn.record.status or SERVER_ERROR
                self._responses.log_turn(turn)

    async def _turn(
        self, path: str, raw: bytes, headers: Mapping[bytes, bytes], began: float
    ) -> Turn:
        """Which customer and conversation the request belongs to, and which model answers it."""
        body, messages = decoded(raw)
        model = body.get("model")
        if not isinstance(model, str):
            raise Fault(400, f"model is missing; ask for {', '.join(self._aliases)}")
        assistant = self._aliases.get(model, self._loop.assistant)
        customer, named = callers_ids(headers, body)
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
        return Turn(
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
        said = given(headers, b"x-kaeshi-consent")
        consent = CONSENTS.get(said) if said else self._settings.gateway_consent
        if consent is None:
            raise Fault(400, f"X-Kaeshi-Consent {said!r} is none of {', '.join(CONSENTS)}")
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
            raise Fault(
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
                known = await tx.exchanges.conversation_of(assistant, digest)
        return known or None

    async def _answered(self, turn: Turn, path: str) -> Reply:
        """The assigned model's answer.

        When a candidate fails or is too late, production answers and the failure counts against the
        candidate.
        """
        if turn.fallback is None:
            reply = await self._ask(turn, turn.candidate, path)
            turn.record.failed = is_failure(reply)
            return reply
        first = await self._first_try(turn, path)
        if first is not None and first.status == OK:
            return first
        theirs = turn.fallback
        turn.fallback = None
        turn.record.failed = True
        second = await self._ask(turn, theirs, path)
        # when production fails on it too, the client is at fault and not the candidate
        turn.record.failed = first is None or is_failure(first) or second.status == OK
        turn.candidate = theirs
        return second

    async def _first_try(self, turn: Turn, path: str) -> Reply | None:
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

    async def _ask(self, turn: Turn, candidate: Candidate, path: str) -> Reply:
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
            await close_stream(reply.pieces)
            raise ProviderError("the stream broke off before its first piece")
        return Reply(reply.status, reply.headers, pieces=chained(first, reply.pieces))

    def _passed_on(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        """The client's own key for the provider, where the gateway requires none."""
        return headers.get(b"authorization") if self._key is None else None


def _fallback(routing: Routing, assignment: Assignment | None) -> Candidate | None:
    """The model that answers when a candidate does not; None when production was assigned."""
    if assignment is None or assignment.arm == "production":
        return None
    return routing.production


def _handed_over(turn: Turn, candidate: Candidate) -> Reply:
    record = turn.record
    return completion(
        HAND_OVER, candidate.model, record.id, int(record.at), streamed=record.streamed
    )


def _check_passed(method: str, path: str) -> None:
    """Raise Fault for a model that is not served here: the operator pays for the request."""
    model = path.removeprefix("/v1/models/")
    if (method, path) not in PASSED and (
        method != "GET" or model == path or {".", ".."} & set(model.split("/"))
    ):
        raise Fault(405, f"{method} {path} is not served here; send it to the provider directly")


def _alias(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "kaeshi"}


async def _whole(reply: Reply) -> Reply:
    if reply.pieces is None:
        return reply
    return Reply(reply.status, reply.headers, b"".join([piece async for piece in reply.pieces]))
