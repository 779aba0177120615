"""The worker: stores spooled requests, and asks mirrored candidates.

It runs in a process of its own, so that neither costs a customer time. The spool is the mirror's
queue: a turn is mirrored after it is stored. A turn that waited too long, or exceeds the mirror's
rate or budget, is dropped and counted.
"""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from kaeshi.errors import InvalidInput, KaeshiError, Misconfigured, NotFound
from kaeshi.gateway import failures, spool
from kaeshi.gateway.record import Record, exchange, unpack
from kaeshi.gateway.restoring import restored
from kaeshi.gateway.telemetry import trace
from kaeshi.gateway.upstream import OK, Reply, Upstream
from kaeshi.loop import Loop
from kaeshi.memory import give_back
from kaeshi.nouns import Candidate, Exchange, Json, Mirrored, Preferred, text_of
from kaeshi.rules import judging
from kaeshi.rules.answer import Said
from kaeshi.rules.canonical import canonical
from kaeshi.rules.checks import broken
from kaeshi.rules.training import price_of_answer
from kaeshi.steps import asking
from kaeshi.steps import exchange as steps
from kaeshi.steps.collection import scrub_messages
from kaeshi.steps.conversation import Routing, routing
from kaeshi.steps.notice import notify
from kaeshi.steps.parking import settle
from kaeshi.steps.shelf import Shelf
from kaeshi.store.exchanges import Recorded

log = logging.getLogger("kaeshi.gateway")
AT_ONCE = 100
LARGE = 4 * 1024 * 1024  # bytes of a round after which memory is given back
UNSTORABLE = "request %s of spool %s cannot be stored as it is; its messages are left out"
# errors that a bad record may cause; a busy or absent database raises others, which end the round
POISON = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
FRESH_S = 60
IDLE_S = 0.2
TOGETHER = 8


@dataclass
class Taken(Recorded):
    """What a round stored, what gateways could not log, and the requests themselves."""

    dropped: int = 0
    turns: list[tuple[Record, Exchange]] = field(default_factory=list)
    read: int = 0  # bytes of the spools

    def is_enough(self, most: int | None) -> bool:
        """Whether so many requests, or as many bytes as are read at once, were stored."""
        return most is not None and (self.requests >= most or self.read >= spool.BYTES_AT_ONCE)

    def keep(self, piece: "_Piece", most: int | None) -> None:
        """Keep the requests that were stored, where they are limited."""
        if most is not None:
            self.turns += zip(piece.records, piece.exchanges, strict=True)


async def take(loop: Loop, most: int | None = None) -> Taken:
    """Store what is in the assistant's spools, and delete finished spools.

    `most`: stop after so many requests, or spool.BYTES_AT_ONCE, and keep them.
    """
    done = Taken()
    for path in spool.waiting(loop.folder("gateway")):
        try:
            await _take_file(loop, path, done, most)
        except FileNotFoundError:
            continue  # another worker has finished it
        except Misconfigured:
            log.exception(
                "spool %s cannot be read further; it is kept for a person to look at", path
            )
        if done.is_enough(most):
            break
    if done.requests:
        await settle(loop)
    return done


async def _take_file(loop: Loop, path: Path, done: Taken, most: int | None) -> None:
    """Store a spool from the last stored offset; delete it once its owner has released it."""
    # checked before reading, so that records written meanwhile are read
    abandoned = spool.is_abandoned(path)
    place, counted = await steps.taken(loop, path.name)
    most_here = AT_ONCE
    while not done.is_enough(most):
        piece = _next_piece(loop, path, place, most_here, abandoned=abandoned)
        if piece.is_empty(counted):
            _close_spool(path, abandoned=abandoned)
            return
        try:
            stored = await steps.take(
                loop, path.name, place, piece.end, piece.dropped, piece.exchanges
            )
        except POISON as error:
            if len(piece.records) > 1:
                # one of them cannot be stored and must not block the others: find it
                most_here = len(piece.records) // 2
                continue
            piece, stored = await _store_without_words(loop, path.name, place, piece, done, error)
        if stored is None:
            return
        _count_stored(stored, done, piece)
        done.read += piece.end - place
        done.keep(piece, most)
        await _report_unlogged(piece.dropped, counted, done, loop)
        place = piece.end
        counted = piece.dropped
        most_here = AT_ONCE


def _close_spool(path: Path, *, abandoned: bool) -> None:
    if abandoned:
        path.unlink()


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """Some records of a spool, their end offset, and how many requests were not logged."""

    records: list[Record]
    exchanges: list[Exchange]
    end: int
    dropped: int

    def is_empty(self, counted: int) -> bool:
        """Whether it has neither records nor requests beyond those counted before."""
        return not self.records and self.dropped == counted


def _next_piece(loop: Loop, path: Path, place: int, most: int, *, abandoned: bool) -> _Piece:
    frames = list(spool.frames(path, place, loop.store.keyring, most))
    # a power cut may leave an incomplete record
    torn = abandoned and not frames and path.stat().st_size > max(place, spool.START)
    records = [unpack(raw) for _, raw in frames]
    return _Piece(
        records=records,
        exchanges=[exchange(record, loop.assistant) for record in records],
        end=frames[-1][0] if frames else place,
        dropped=spool.dropped(path) + torn,
    )


async def _store_without_words(
    loop: Loop, name: str, place: int, piece: _Piece, done: Taken, error: Exception
) -> tuple[_Piece, Recorded | None]:
    """Store a request without its messages when it cannot be stored as it is."""
    log.error(UNSTORABLE, piece.exchanges[0].id, name, exc_info=error)
    wordless = [replace(e, messages=(), reply=None, model=None) for e in piece.exchanges]
    stored = await steps.take(loop, name, place, piece.end, piece.dropped, wordless)
    done.refused += 1
    return replace(piece, exchanges=wordless), stored


async def _report_unlogged(dropped: int, counted: int, done: Taken, loop: Loop) -> None:
    if dropped > counted:
        done.dropped += dropped - counted
        await notify(
            loop,
            (
                f"{dropped - counted} requests of {loop.assistant} could not be logged: a spool "
                "or a disk is full"
            ),
        )


def _count_stored(stored: Recorded, done: Taken, piece: _Piece) -> None:
    done.requests += stored.requests
    done.edited += stored.edited
    done.refused += stored.refused
    trace(piece.exchanges)


class Worker:
    """Stores and mirrors, round after round, for the served assistants."""

    def __init__(
        self,
        loop: Loop,
        assistants: Sequence[str],
        upstream: Upstream,
        judge: Upstream | None = None,
    ) -> None:
        self._loops = [replace(loop, assistant=name) for name in assistants]
        self._upstream = upstream
        self._judge = judge
        self._rate = _Rate(loop.settings.gateway_mirror_per_second)
        self._shelf = Shelf()

    async def run(self, over: asyncio.Event) -> None:
        """Work until `over` is set."""
        while not over.is_set():
            if not await self.round():
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), IDLE_S)

    async def round(self) -> int:
        """Store and mirror once; returns how many requests were stored."""
        total = 0
        for loop in self._loops:
            taken = await take(loop, AT_ONCE)
            total += taken.requests
            if taken.turns:
                await self._mirror(loop, taken.turns)
            if taken.read >= LARGE:
                taken.turns.clear()
                give_back()
        return total

    async def _mirror(self, loop: Loop, turns: Sequence[tuple[Record, Exchange]]) -> None:
        now = await routing(loop)
        if not now.mirrored or now.candidate is None or now.experiment is None:
            return
        theirs = _mirrored_turns(turns, now, loop)
        for start in range(0, len(theirs), TOGETHER):
            left = await self._budget(loop)
            part = theirs[start : start + TOGETHER]
            asked = await asyncio.gather(
                *(
                    self._one(loop, now.candidate, now.experiment, record, e, left)
                    for record, e in part
                )
            )
            async with loop.store.write() as tx:
                await tx.exchanges.add_mirrored(loop.assistant, asked)

    async def _budget(self, loop: Loop) -> bool:
        async with loop.store.read() as tx:
            spent = await tx.exchanges.mirror_spent(
                loop.assistant, loop.clock.now() - timedelta(days=1)
            )
        return Decimal(spent) / 1_000_000_000 < loop.settings.gateway_mirror_usd_per_day

    async def _one(
        self,
        loop: Loop,
        candidate: Candidate,
        experiment: str,
        record: Record,
        e: Exchange,
        affordable: bool,
    ) -> Mirrored:
        """Ask the candidate what production was asked.

        Tool calls in its answer are compared and never executed.
        """
        now = loop.clock.now()
        mirrored = Mirrored(
            request=e.id, experiment=experiment, state="dropped", at=now, production_ms=e.latency_ms
        )
        if not affordable or (now - e.at).total_seconds() > FRESH_S or not self._rate.allows():
            return mirrored
        began = time.perf_counter()
        deadline = loop.settings.gateway_deadline_seconds
        try:
            async with asyncio.timeout(deadline):
                reply = await self._ask(loop, candidate, record, e)
        except TimeoutError:
            return _failed(mirrored, began, f"no answer within {deadline:g} s")
        except KaeshiError as error:
            return _failed(mirrored, began, failures.of_error(error))
        if reply is None:
            return mirrored
        said = reply.said()
        if said is None or e.reply is None:
            return _failed(mirrored, began, _unanswered(reply))
        update: Json = {"latency_ms": (time.perf_counter() - began) * 1000}
        return await self._compared(said, e.reply, loop, e, update, mirrored)

    async def _compared(
        self,
        said: Said,
        reply: Json,
        loop: Loop,
        e: Exchange,
        update: Json,
        mirrored: Mirrored,
    ) -> Mirrored:
        """The mirrored answer with its cost, broken policy checks and preference."""
        cost = price_of_answer(
            said.model, said.prompt_tokens, said.completion_tokens, dict(loop.prices)
        )
        same = canonical([said.message]) == canonical([reply])
        only_theirs = await _broken_by_candidate(said, reply, loop, e)
        whose, fee = (
            (None, None) if same else await self._judged(loop, e.messages, reply, said.message)
        )
        if fee is not None:
            cost = fee + (cost or 0)
        update |= {
            "state": "answered",
            "same": same,
            "broken": only_theirs,
            "preferred": whose,
            "cost_usd": cost,
        }
        return mirrored.model_copy(update=update)

    async def _judged(
        self, loop: Loop, messages: Sequence[Json], ours: Json, theirs: Json
    ) -> tuple[Preferred | None, Decimal | None]:
        """Which answer the judge prefers, and the cost of asking.

        The judge sees no personal data and no model names. Without its answer there is no
        preference.
        """
        model = loop.settings.gateway_judge_model
        if self._judge is None or model is None or not text_of(ours) or not text_of(theirs):
            return None, None
        clean, _ = await asyncio.to_thread(
            scrub_messages, loop, [*messages, ours, theirs], loop.policy.for_serving()
        )
        *heard, ours, theirs = clean
        orders = list[judging.Order | None]()
        fee = Decimal(0)
        for first, second in ((ours, theirs), (theirs, ours)):
            said = await self._judge_once(model, heard, first, second, loop)
            orders.append(judging.verdict(text_of(said.message)) if said else None)
            if said is None:
                break
            fee += _price(said, loop)
        return judging.preferred(orders[0], orders[-1]), fee or None

    async def _judge_once(
        self, model: str, heard: list[Json], first: Json, second: Json, loop: Loop
    ) -> Said | None:
        assert self._judge is not None  # checked by the caller
        body = json.dumps(
            judging.question(model, heard, first, second), ensure_ascii=False
        ).encode()
        try:
            async with asyncio.timeout(loop.settings.gateway_deadline_seconds):
                reply = await self._judge.ask(
                    "POST",
                    "/chat/completions",
                    body,
                    None,
                    loop.settings.gateway_judge_base_url,
                )
            said = reply.said()
        except (KaeshiError, TimeoutError):
            said = None
        return said

    async def _ask(
        self, loop: Loop, candidate: Candidate, record: Record, e: Exchange
    ) -> Reply | None:
        """The candidate's reply to what production was asked; None if it cannot be asked that."""
        asked = _unstreamed(record, e.messages)
        try:
            prepared = await asking.prepare(loop, self._shelf, candidate, asked)
        except (InvalidInput, NotFound):
            return None
        if isinstance(prepared, asking.HandOver):
            return None
        reply = await self._upstream.ask(
            "POST", asked.path, prepared.body, None, candidate.serving.base_url
        )
        if prepared.values is not None and reply.status == OK:
            reply.body = restored(reply.body, prepared.values)
        return reply


async def _broken_by_candidate(said: Said, reply: Json, loop: Loop, e: Exchange) -> tuple[str, ...]:
    theirs, ours = [
        await asyncio.to_thread(_broken, loop, e.messages, each) for each in (said.message, reply)
    ]
    return tuple(check for check in theirs if check not in ours)


def _price(said: Said, loop: Loop) -> Decimal | int:
    return (
        price_of_answer(said.model, said.prompt_tokens, said.completion_tokens, dict(loop.prices))
        or 0
    )


def _failed(mirrored: Mirrored, began: float, why: str) -> Mirrored:
    waited = (time.perf_counter() - began) * 1000
    return mirrored.model_copy(update={"state": "failed", "failure": why, "latency_ms": waited})


def _unanswered(reply: Reply) -> str:
    """Why a reply holds no answer."""
    return failures.NO_ANSWER if reply.status == OK else failures.of_reply(reply)


def _mirrored_turns(
    turns: Sequence[tuple[Record, Exchange]], now: Routing, loop: Loop
) -> list[tuple[Record, Exchange]]:
    return [
        (record, e)
        for record, e in turns
        if record.experiment == now.experiment and e.reply is not None and _sampled(loop, record.id)
    ]


def _unstreamed(record: Record, messages: Sequence[Json]) -> asking.Question:
    """The client's request without streaming."""
    body: dict[str, Any] = from_json(record.request)
    raw = record.request
    if "stream" in body or "stream_options" in body:
        body = {k: v for k, v in body.items() if k not in {"stream", "stream_options"}}
        raw = json.dumps(body, ensure_ascii=False).encode()
    path = record.path.removeprefix("/v1")
    return asking.Question(
        path=path, raw=raw, body=body, messages=messages, customer=record.customer
    )


class _Rate:
    """A rate limit per second, with a burst of one second."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._left = per_second
        self._at = time.monotonic()

    def allows(self) -> bool:
        now = time.monotonic()
        self._left = min(self._per_second, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _broken(loop: Loop, messages: Sequence[Json], reply: Json) -> tuple[str, ...]:
    """The policy checks that an answer breaks.

    Personal data in the answer counts where the conversation does not hold it.
    """
    said = text_of(reply)
    foreign = list[str]()
    if loop.checks.foreign_data:
        heard = "\n".join(text_of(m) for m in messages).casefold()
        _, found = scrub_messages(loop, [{"role": "assistant", "content": said}])
        foreign = [
            kind
            for kind, values in found.found.items()
            if any(value.casefold() not in heard for value in values)
        ]
    return broken(said, loop.checks, foreign)


def _sampled(loop: Loop, request: str) -> bool:
    point = int.from_bytes(blake2b(request.encode(), digest_size=4).digest())
    return point < loop.settings.gateway_mirror_percent / 100 * 2**32
