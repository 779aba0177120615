"""Sending answers to clients, and logging each before its last byte leaves."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kaeshi.errors import ProviderError
from kaeshi.gateway import tokens
from kaeshi.gateway.failures import NO_ANSWER
from kaeshi.gateway.headers import Headers
from kaeshi.gateway.record import Record, pack
from kaeshi.gateway.requests import (
    Send,
    close_stream,
    send_fault,
    send_response,
)
from kaeshi.gateway.speakers import Speaker, Speakers
from kaeshi.gateway.spool import Spool
from kaeshi.gateway.telemetry import Metrics
from kaeshi.gateway.upstream import OK, Reply
from kaeshi.gateway.watch import Watch
from kaeshi.nouns import Candidate, Json
from kaeshi.rules import answer, threads
from kaeshi.rules.answer import Reader, Said
from kaeshi.rules.unread import Unreadable
from kaeshi.store.keys import Keyring

BROKEN_OFF = "the stream broke off"
EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
CLIENT_LEFT = 499  # as nginx logs it
log = logging.getLogger("kaeshi.gateway")


@dataclass(kw_only=True, slots=True)
class Turn:
    """The state of one request."""

    assistant: str
    body: Mapping[str, Any]
    messages: tuple[Json, ...]
    speaker: Speaker
    candidate: Candidate  # who was assigned
    fallback: Candidate | None  # who answers if they do not
    authorization: bytes | None
    headers: Headers  # of the client's, those that the provider gets
    began: float
    record: Record
    tells_arm: bool = False
    logged: bool = False

    @property
    def expects_usage(self) -> bool:
        """Whether a stream's tokens were asked for: they come after the answer is complete."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and bool(options.get("include_usage"))


class Responses:
    """Sends answers, logs requests to the assistants' spools, remembers conversations."""

    def __init__(
        self, keyring: Keyring, spools: Mapping[str, Spool], speakers: Speakers, metrics: Metrics
    ) -> None:
        self._keyring = keyring
        self._spools = spools
        self._speakers = speakers
        self._metrics = metrics

    async def send_whole(self, turn: Turn, reply: Reply, send: Send) -> None:
        """Log a whole answer, then send it."""
        record = turn.record
        record.status = reply.status
        record.answer = reply.body
        record.streamed = answer.is_stream(reply.body)
        record.latency_ms = (time.perf_counter() - turn.began) * 1000
        if reply.status == OK:
            self._read_whole(turn, reply)
        else:
            self._speakers.not_answered(turn.speaker)
        self.log_turn(turn)
        await send_response(
            send, reply.status, reply.body, [*reply.headers.items(), *self._headers(turn)]
        )

    def _read_whole(self, turn: Turn, reply: Reply) -> None:
        said = reply.said()
        if said is not None:
            self._remember(turn, said)
        elif answer.is_failure_of_model(reply.body):
            turn.record.failed = True
            turn.record.failure = NO_ANSWER
        else:  # answered, in a dialect that is not known here: no fault of the model's
            self._count_unread(turn)

    async def send_stream(
        self, turn: Turn, reply: Reply, pieces: AsyncIterator[bytes], watch: Watch, send: Send
    ) -> None:
        """Send a stream; log it before the piece leaves in which its answer is complete.

        Clients stop reading there. Where usage comes later, the record is written again with it.
        """
        record = turn.record
        record.status = reply.status
        record.streamed = True
        headers = self._stream_headers(reply, turn)
        seen: list[bytes] = []
        reader = Reader()
        try:
            watch.begin()
            with watch:
                await send(
                    {"type": "http.response.start", "status": reply.status, "headers": headers}
                )
                async for piece in pieces:
                    if not seen:
                        record.first_token_ms = (time.perf_counter() - turn.began) * 1000
                    seen.append(piece)
                    reader.feed(piece)
                    self._log_if_complete(turn, reader, seen)
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except ProviderError as error:
            _break_off(record)
            await send_fault(send, error)
        except asyncio.CancelledError:
            if not watch.has_left:
                raise
            record.cut_off = not reader.is_finished
        finally:
            watch.end()
            await close_stream(pieces)
            reader.close()
            self._log_end(turn, reader, seen)
        await send({"type": "http.response.body", "body": b""})

    def _log_if_complete(self, turn: Turn, reader: Reader, seen: list[bytes]) -> None:
        is_complete = reader.is_over or (
            reader.is_finished and (reader.has_usage or not turn.expects_usage)
        )
        if is_complete and not turn.logged:
            self._read_stream(turn, reader)
            turn.record.answer = b"".join(seen)
            self.log_turn(turn)

    def _log_end(self, turn: Turn, reader: Reader, seen: list[bytes]) -> None:
        """Log what was not logged, or only without its usage."""
        record = turn.record
        answered = b"".join(seen)
        if not turn.logged:
            self._read_stream(turn, reader)
            record.answer = answered
            self.log_turn(turn)
        elif len(answered) > len(record.answer) and (reader.has_usage or self._grew(turn, reader)):
            record.answer = answered
            self._spools[turn.assistant].add(pack(record))

    def _grew(self, turn: Turn, reader: Reader) -> bool:
        """Whether words came after the first finish reason: Gemini sends one with every piece."""
        with suppress(Unreadable):
            said = reader.said()
            if said.message != answer.read(turn.record.answer).message:
                self._remember(turn, said)
                return True
        return False

    def _read_stream(self, turn: Turn, reader: Reader) -> None:
        record = turn.record
        record.latency_ms = (time.perf_counter() - turn.began) * 1000
        if record.status != OK or record.cut_off:
            self._speakers.not_answered(turn.speaker)
            return
        try:
            said = reader.said()
        except Unreadable:
            said = None
        if reader.error is not None or (said is None and reader.is_empty):
            self._broken_off(turn)
        elif said is None:
            self._count_unread(turn)
        elif reader.is_finished or reader.is_over:
            self._remember(turn, said)
        else:  # it ended in the middle
            self._broken_off(turn)

    def _broken_off(self, turn: Turn) -> None:
        _break_off(turn.record)
        self._speakers.not_answered(turn.speaker)

    def _count_unread(self, turn: Turn) -> None:
        self._metrics.add_unread(turn.assistant, turn.record.arm or "production")
        log.warning("an answer of %s could not be read; it is not stored", turn.candidate.model)

    def _stream_headers(self, reply: Reply, turn: Turn) -> list[tuple[bytes, bytes]]:
        return [
            *((name, value) for name, value in reply.headers.items() if name != b"content-type"),
            EVENTS,
            *self._headers(turn),
        ]

    def _remember(self, turn: Turn, said: Said) -> None:
        """Remember the state of the conversation, so that its next request is recognised."""
        if not turn.record.is_turn:
            return
        gave = threads.ids_given(said.id, said.item_ids, said.message)
        states = threads.states_after(
            turn.messages, said.message, gave, is_delta=turn.speaker.is_delta
        )
        for other in said.others:
            states += threads.states_after(turn.messages, other, (), is_delta=turn.speaker.is_delta)
        self._speakers.remember(turn.assistant, turn.speaker, states)

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
        found = [
            (b"x-kaeshi-message", record.id.encode()),
            (b"x-kaeshi-conversation", record.conversation.encode("utf-8", "replace")),
            (b"x-kaeshi-feedback-token", token.encode()),
        ]
        if turn.tells_arm:
            found.append((b"x-kaeshi-arm", (record.arm or "production").encode()))
        return found


def _break_off(record: Record) -> None:
    record.failed = True
    record.cut_off = True
    record.failure = record.failure or BROKEN_OFF
