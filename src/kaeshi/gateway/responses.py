"""Sending answers to clients, and logging each before its last byte leaves."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kaeshi.errors import InvalidInput, ProviderError
from kaeshi.gateway import tokens
from kaeshi.gateway.live import Threads
from kaeshi.gateway.record import Record, pack
from kaeshi.gateway.requests import (
    Receive,
    Send,
    close_stream,
    send_fault,
    send_response,
)
from kaeshi.gateway.spool import Spool
from kaeshi.gateway.telemetry import Metrics
from kaeshi.gateway.upstream import OK, Reply
from kaeshi.nouns import Candidate, Json
from kaeshi.rules import wire
from kaeshi.store.keys import Keyring

EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
log = logging.getLogger("kaeshi.gateway")


@dataclass(kw_only=True, slots=True)
class Turn:
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


class Responses:
    """Sends answers, logs requests to the assistants' spools, remembers conversations."""

    def __init__(
        self, keyring: Keyring, spools: Mapping[str, Spool], threads: Threads, metrics: Metrics
    ) -> None:
        self._keyring = keyring
        self._spools = spools
        self._threads = threads
        self._metrics = metrics

    async def send_whole(self, turn: Turn, reply: Reply, send: Send) -> None:
        """Log a whole answer, then send it."""
        record = turn.record
        record.status = reply.status
        record.answer = reply.body
        record.streamed = reply.body.startswith(b"data:")
        record.latency_ms = (time.perf_counter() - turn.began) * 1000
        self._read_whole(reply, record, turn)
        self.log_turn(turn)
        await send_response(
            send, reply.status, reply.body, [*reply.headers.items(), *self._headers(turn)]
        )

    def _read_whole(self, reply: Reply, record: Record, turn: Turn) -> None:
        if reply.status == OK:
            said = reply.said()
            if said is None:
                record.failed = True
            else:
                self._remember(turn, said.message)

    async def send_stream(
        self, turn: Turn, reply: Reply, pieces: AsyncIterator[bytes], receive: Receive, send: Send
    ) -> None:
        """Send a stream; log it before its last piece leaves, or when the client does."""
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
            await send_fault(send, error)
        finally:
            gone.cancel()
            await close_stream(pieces)
            if not logged:
                self._log_stream(turn, seen)
        await send({"type": "http.response.body", "body": b""})

    def _stream_headers(self, reply: Reply, turn: Turn) -> list[tuple[bytes, bytes]]:
        return [
            *((name, value) for name, value in reply.headers.items() if name != b"content-type"),
            EVENTS,
            *self._headers(turn),
        ]

    def _log_stream(self, turn: Turn, seen: Sequence[bytes]) -> None:
        record = turn.record
        record.answer = b"".join(seen)
        record.streamed = True
        self._read_whole_stream(turn, record)
        self.log_turn(turn)

    def _read_whole_stream(self, turn: Turn, record: Record) -> None:
        record.latency_ms = (time.perf_counter() - turn.began) * 1000
        if record.status == OK and not record.cut_off:
            try:
                said = wire.said_in_stream(record.answer)
                if said.finish_reason is None:
                    record.cut_off = record.failed = True
                else:
                    self._remember(turn, said.message)
            except InvalidInput:
                record.failed = record.cut_off = True

    def _remember(self, turn: Turn, reply: Json) -> None:
        """Remember the state of the conversation, so that its next request is recognised."""
        record = turn.record
        if record.scope != record.conversation:
            thread = wire.thread((*turn.messages, reply))
            self._threads.put(
                self._keyring.digest(turn.assistant, record.scope, thread),
                record.conversation,
            )

    def log_turn(self, turn: Turn) -> None:
        """Append the request to the spool, and count it."""
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

    def _headers(self, turn: Turn) -> list[tuple[bytes, bytes]]:
        record = turn.record
        token = tokens.issue(self._keyring, turn.assistant, record.id, int(record.at))
        return [
            (b"x-kaeshi-message", record.id.encode()),
            (b"x-kaeshi-conversation", record.conversation.encode("utf-8", "replace")),
            (b"x-kaeshi-arm", (record.arm or "production").encode()),
            (b"x-kaeshi-feedback-token", token.encode()),
        ]
