"""The OpenAI-compatible gateway: assign, ask, answer, log.

This is the hot path: plain ASGI and bytes, and no database read per request. A request is forwarded
byte for byte with only the model's name changed, and so is the response. For models that read
placeholders the conversation is scrubbed on the way in and restored on the way out.
"""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from kaeshi.errors import KaeshiError, ProviderError
from kaeshi.gateway import browsers, consent, failures
from kaeshi.gateway.begun import begun, whole
from kaeshi.gateway.callers import Callers
from kaeshi.gateway.headers import of_another_attempt, to_provider
from kaeshi.gateway.live import Live, Threads
from kaeshi.gateway.passing import models_in, passing_of, raw_path
from kaeshi.gateway.record import Record
from kaeshi.gateway.requests import (
    JSON_KIND,
    SERVER_ERROR,
    Bodies,
    Fault,
    Receive,
    Scope,
    Send,
    decoded,
    fault_body,
    is_failure,
    send_response,
    without_body,
)
from kaeshi.gateway.responses import CLIENT_LEFT, Responses, Turn
from kaeshi.gateway.restoring import completion, restored, restored_pieces
from kaeshi.gateway.room import Room
from kaeshi.gateway.speakers import Speaker, Speakers
from kaeshi.gateway.spool import Spool
from kaeshi.gateway.telemetry import Metrics
from kaeshi.gateway.upstream import OK, Reply, Upstream, upstream_of
from kaeshi.gateway.watch import Watch, Watches
from kaeshi.guard import credential, may_call
from kaeshi.loop import Loop
from kaeshi.nouns import HAND_OVER, Assignment, Candidate, Json
from kaeshi.rules.helpers import is_helper
from kaeshi.settings import Settings
from kaeshi.steps import asking
from kaeshi.steps.conversation import Routing
from kaeshi.steps.shelf import Shelf

# the first parts of our own API's paths
OWN = frozenset({"conversations", "exports", "feedback", "jobs", "messages", "report", "webhooks"})
ADMINISTRATION = frozenset({"organization", "organizations", "admin", "dashboard", "usage"})
CHATS = frozenset({"/v1/chat/completions", "/v1/responses"})
MEGABYTE = 1024 * 1024
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
        self._callers = Callers(loop)
        self._speakers = Speakers(loop, self._threads, self._callers)
        self._responses = Responses(loop.store.keyring, self._spools, self._speakers, self._metrics)
        self._own_upstream = upstream
        self._upstream = upstream
        self._failures = failures.Failures(loop)
        self._watches = Watches()
        self._passing = passing_of(loop, self._watches)
        self._bodies = Bodies(settings.gateway_max_body_mb * MEGABYTE)
        self._room = _room_of(settings)
        self._key = _key_of(settings)

    async def start(self) -> None:
        """Read the routing, open the spools and the connection to the provider."""
        await self._live.start()
        self._watches.start()
        self._upstream = self._upstream or upstream_of(self._loop)
        for assistant in self._loop.served:
            folder = self._live.loop(assistant).folder("gateway")
            limit = self._settings.gateway_spool_mb * MEGABYTE
            self._spools[assistant] = Spool(folder, self._name, self._loop.store.keyring, limit)

    async def stop(self) -> None:
        """Close the spools, the routing and the connections."""
        await self._live.stop()
        self._watches.stop()
        await self._passing.close()
        if self._upstream is not None and self._own_upstream is None:
            await self._upstream.close()
            self._upstream = None
        while self._spools:
            self._spools.popitem()[1].close()

    @staticmethod
    def takes(path: str) -> bool:
        """Whether the gateway serves this path: all of the provider's, and the counters."""
        if path == "/metrics":
            return True
        return path.startswith("/v1/") and path.split("/", 3)[2] not in OWN

    async def has(self, conversation: str) -> bool:
        """Whether a conversation of that name is stored here."""
        async with self._loop.store.read() as tx:
            return await tx.conversations.exists(self._loop.assistant, conversation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
        headers = dict(scope["headers"])
        if b"origin" in headers:
            opened = await browsers.opened(
                scope, headers, path, self._settings.gateway_origins, send
            )
            if opened is None:
                return
            send = opened
        try:
            self._check(scope, headers)
            await self._routed(receive, path, send, scope, headers, began)
        except Fault as fault:
            body = fault_body(str(fault), "invalid_request_error")
            await send_response(send, fault.status, body, [JSON_KIND, *fault.headers])
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
        if path in CHATS and scope["method"] == "POST":
            with self._room.place() as place:
                raw = await self._bodies.read(receive, headers, place)
                network = self._callers.network(scope, headers)
                turn = await self._turn(path, raw, headers, network, began)
                await self._chat(turn, scope.get("query_string") or b"", receive, send)
        elif path == "/metrics":
            await send_response(send, OK, self._metrics.page(), [PROMETHEUS])
        else:
            await self._pass(path, scope, headers, receive, send)

    def admits(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the caller may use the gateway."""
        return may_call(
            scope,
            headers,
            self._key,
            origins=self._settings.gateway_origins,
            is_for_pages=self._settings.gateway_key is not None,
            proxies=self._settings.trusted_proxies,
        )

    def _check(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        if not self.admits(scope, headers):
            raise Fault(
                401,
                (
                    "send the gateway's key as Authorization: Bearer KEY; without a key only "
                    "this machine may call"
                ),
                [(b"www-authenticate", b'Bearer realm="kaeshi"')],
            )

    async def _pass(
        self,
        path: str,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        send: Send,
    ) -> None:
        """Forward requests without a customer or an arm: every other path of the provider.

        The aliases are added to the list of models.
        """
        method = scope["method"]
        wanted = path.removeprefix("/v1/models/")
        _check_passed(method, path)
        if wanted in self._aliases:
            await send_response(send, OK, json.dumps(_alias(wanted)).encode(), [JSON_KIND])
        elif path == "/v1/models":
            await self._list_models(
                scope, headers, send if method != "HEAD" else without_body(send)
            )
        else:
            status = await self._passing(
                method,
                raw_path(scope, path),
                _query(scope),
                headers,
                receive,
                send,
                self._passed_on(headers),
            )
            self._metrics.add_passed(path.removeprefix("/v1"), status)

    async def _list_models(self, scope: Scope, headers: Mapping[bytes, bytes], send: Send) -> None:
        assert self._upstream is not None  # started
        path = f"/models?{_query(scope)}".rstrip("?")
        asked = self._upstream.ask(
            "GET", path, b"", self._passed_on(headers), None, to_provider(headers)
        )
        reply = await whole(await asked)
        if reply.status == OK:
            listed = [_alias(name) for name in self._aliases] + models_in(reply.body)
            reply.body = json.dumps({"object": "list", "data": listed}).encode()
        await send_response(send, reply.status, reply.body, list(reply.headers.items()))

    async def _chat(self, turn: Turn, query: bytes, receive: Receive, send: Send) -> None:
        path = turn.record.path
        if query:
            path = f"{path}?{query.decode('latin-1')}"
        self._speakers.began(turn.speaker)
        watch = Watch(receive, self._watches)
        try:
            with watch:
                reply = await self._answered(turn, path)
            if reply.pieces is None:
                await self._responses.send_whole(turn, reply, send)
            else:
                await self._responses.send_stream(turn, reply, reply.pieces, watch, send)
        except KaeshiError as error:
            turn.record.status = turn.record.status or error.status
            if isinstance(error, ProviderError):
                turn.record.failed = True
                turn.record.failure = turn.record.failure or failures.of_error(error)
            raise
        except asyncio.CancelledError:
            # the client has left; a server may say so by cancelling the request
            turn.record.status = turn.record.status or CLIENT_LEFT
            turn.record.cut_off = True
            if not watch.has_left:
                raise
        finally:
            watch.end()
            self._speakers.ended(turn.speaker)
            self._log_unlogged(turn)

    def _log_unlogged(self, turn: Turn) -> None:
        """Log a request, however it ended."""
        if not turn.logged:
            turn.record.failed = turn.record.failed or not turn.record.status
            turn.record.status = turn.record.status or SERVER_ERROR
            self._speakers.not_answered(turn.speaker)
            self._responses.log_turn(turn)

    async def _turn(
        self, path: str, raw: bytes, headers: Mapping[bytes, bytes], network: str, began: float
    ) -> Turn:
        """Which customer and conversation the request belongs to, and which model answers it."""
        body, messages = decoded(raw)
        model = self._model_of(body)
        assistant = self._aliases.get(model, self._loop.assistant)
        speaker = await self._speakers.of(assistant, headers, body, messages, raw, network)
        routing = self._live.routing(assistant)
        is_turn = model in self._aliases and not is_helper(messages)
        assignment, candidate = await self._assigned(
            assistant, model, speaker.customer, routing, is_turn=is_turn
        )
        agreed = consent.said(headers, self._settings.gateway_consent)
        record = self._record_of(speaker, agreed, path, assignment, routing, body, raw)
        record.network = network
        record.is_turn = is_turn
        return Turn(
            assistant=assistant,
            body=body,
            messages=messages,
            speaker=speaker,
            candidate=candidate,
            fallback=_fallback(routing, assignment),
            authorization=self._passed_on(headers),
            headers=to_provider(headers),
            tells_arm=self._tells_arm(headers),
            began=began,
            record=record,
        )

    def _model_of(self, body: Json) -> str:
        model = body.get("model")
        if not isinstance(model, str):
            raise Fault(400, f"model is missing; ask for {', '.join(self._aliases)}")
        return model

    def _tells_arm(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the caller may know the arm: operators, and others where that is set."""
        if self._settings.gateway_tell_arm or self._key is None:
            return True
        admin = self._settings.kaeshi_admin_key
        return admin is not None and hmac.compare_digest(
            credential(headers), admin.get_secret_value().encode()
        )

    def _record_of(
        self,
        speaker: Speaker,
        agreed: consent.Said,
        path: str,
        assignment: Assignment | None,
        routing: Routing,
        body: Any,
        raw: bytes,
    ) -> Record:
        return Record(
            id=self._loop.ids.new("msg"),
            conversation=speaker.conversation,
            customer=speaker.customer,
            scope=speaker.scope,
            consent=agreed.consent,
            consent_from=agreed.how,
            consent_text=agreed.text,
            at=self._loop.clock.now().timestamp(),
            path=path,
            experiment=assignment.experiment if assignment else None,
            arm=assignment.arm if assignment else None,
            share=assignment.share if assignment else None,
            epoch=routing.epoch,
            streamed=bool(body.get("stream")),
            is_unknown=speaker.is_unknown,
            is_verified=speaker.is_verified,
            request=raw,
        )

    async def _assigned(
        self, assistant: str, model: str, customer: str, routing: Routing, *, is_turn: bool
    ) -> tuple[Assignment | None, Candidate]:
        """Which model answers.

        A model that the client names itself takes part in no experiment, nor does what a chat UI
        asks for itself.
        """
        if model not in self._aliases:
            return None, await asking.candidate_named(self._live.loop(assistant), model)
        assignment, candidate = routing.assign(customer) if is_turn else (None, routing.production)
        if candidate is None:
            raise Fault(
                503,
                f"assistant {assistant!r} has nothing in production; "
                "start with `kaeshi rollout start MODEL --first`",
            )
        return assignment, candidate

    async def _answered(self, turn: Turn, path: str) -> Reply:
        """The assigned model's answer.

        When a candidate fails or is too late, production answers and the failure counts against the
        candidate.
        """
        record = turn.record
        if turn.fallback is None:
            reply = await self._ask(turn, turn.candidate, path)
            record.failed = is_failure(reply)
            record.failure = failures.of_reply(reply) if record.failed else ""
            return reply
        first, why = await self._first_try(turn, path)
        if first is not None and not why:
            return first
        theirs = turn.fallback
        candidate = turn.candidate
        turn.fallback = None
        record.failed = True
        record.failure = why
        turn.headers = of_another_attempt(turn.headers)
        second = await self._ask(turn, theirs, path)
        turn.candidate = theirs
        # when production fails on it too, the client is at fault and not the candidate
        if first is None or is_failure(first) or second.status == OK:
            self._failures.add(turn.assistant, candidate, record.experiment or "", why)
        else:
            record.failed = False
            record.failure = ""
        return second

    async def _first_try(self, turn: Turn, path: str) -> tuple[Reply | None, str]:
        """The candidate's answer, and why it failed; None if it gave none or came too late."""
        deadline = self._settings.gateway_deadline_seconds
        try:
            async with asyncio.timeout(deadline):
                first = await begun(await self._ask(turn, turn.candidate, path))
        except Exception as error:  # on any error production can still answer
            log.debug("a candidate failed", exc_info=error)
            why = f"no answer began within {deadline:g} s"
            return None, why if isinstance(error, TimeoutError) else failures.of_error(error)
        return first, "" if first.status == OK else failures.of_reply(first)

    async def _ask(self, turn: Turn, candidate: Candidate, path: str) -> Reply:
        assert self._upstream is not None  # started
        asked = asking.Question(
            path=path.removeprefix("/v1"),
            raw=turn.record.request,
            body=turn.body,
            messages=turn.messages,
            customer=turn.record.customer,
        )
        loop = self._live.loop(turn.assistant)
        prepared = await asking.prepare(loop, self._shelf, candidate, asked)
        if isinstance(prepared, asking.HandOver):
            return _handed_over(turn, candidate)
        reply = await self._upstream.ask(
            "POST",
            asked.path,
            prepared.body,
            turn.authorization,
            candidate.serving.base_url,
            turn.headers,
        )
        if prepared.values is None or reply.status != OK:
            return reply
        if reply.pieces is not None:
            pieces = restored_pieces(reply.pieces, prepared.values)
            return Reply(OK, reply.headers, pieces=pieces)
        return Reply(OK, reply.headers, restored(reply.body, prepared.values))

    def _passed_on(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        """The client's own key for the provider, where the gateway requires none."""
        return headers.get(b"authorization") if self._key is None else None


def _query(scope: Scope) -> str:
    return str((scope.get("query_string") or b"").decode("latin-1"))


def _room_of(settings: Settings) -> Room:
    largest = settings.gateway_max_body_mb * MEGABYTE
    return Room(settings.gateway_large_bodies_mb * MEGABYTE, largest)


def _key_of(settings: Settings) -> bytes | None:
    key = settings.gateway_key or settings.kaeshi_admin_key
    return None if key is None else key.get_secret_value().encode()


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
    """Raise Fault for what a client of the gateway must not reach with the operator's key."""
    parts = [part.lower() for part in path.split("/")[2:]]
    if not parts or {"", ".", ".."} & set(parts):
        raise Fault(404, f"the path {path[:80]!r} is none of the API's")
    if parts[0] in ADMINISTRATION or (method == "DELETE" and parts[0] == "models"):
        raise Fault(
            405,
            f"{method} {path} administers the account, and the operator's key opens it; send it to "
            "the provider directly",
        )


def _alias(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "kaeshi"}
