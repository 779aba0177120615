"""Feedback: one current value per message, metric and author, and the full history."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine.row import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from kaeshi.errors import Damaged, InvalidInput, NotFound
from kaeshi.nouns import Feedback, Json, Opinion, ReviewState
from kaeshi.store.conversation_rows import place
from kaeshi.store.conversations import ConversationVerbs
from kaeshi.store.feedback_rows import (
    WORDS,
    Batch,
    Correction,
    Stored,
    address,
    check_changes,
    opinion_from,
    stored_value,
)
from kaeshi.store.keys import Keyring
from kaeshi.store.tables import (
    conversations,
    corrections,
    customers,
    feedback_current,
    feedback_history,
    messages,
    texts,
)
from kaeshi.store.verbs import Columns, Verbs, among, micros, moment

SIGNALS = ("vote", "rating", "helpful", "accurate", "comment", "correction")


_m = messages.c
_f = feedback_current.c
_SAID = (
    select(_m.conversation, _m.position, _f.message, _f.author, _f.metric, _f.value, _f.submission)
    .join_from(messages, feedback_current, (_f.assistant == _m.assistant) & (_f.message == _m.id))
    .where(_m.assistant == bindparam("assistant"), among(_m.conversation, "ids"))
    .order_by(_m.position, _f.author, _f.metric)
)
_d = corrections.c
_DECIDED = (_d.assistant == _f.assistant) & (_d.submission == _f.submission)
_ACCEPTED = (
    select(_m.conversation, _m.position, _f.submission, _d.answer)
    .join_from(messages, feedback_current, (_f.assistant == _m.assistant) & (_f.message == _m.id))
    .join(corrections, _DECIDED)
    .where(
        _m.assistant == bindparam("assistant"),
        among(_m.conversation, "ids"),
        _f.metric == "correction",
        (_d.state == "approved") | (_d.state == "corrected"),
    )
    .order_by(_f.at, _f.author)
)
_GIVEN = (
    select(
        _f.submission,
        _f.at,
        func.coalesce(_d.state, "proposed"),
        _d.by,
        _m.conversation,
        _f.message,
    )
    .join_from(feedback_current, corrections, _DECIDED, isouter=True)
    .join(messages, (_m.assistant == _f.assistant) & (_m.id == _f.message))
    .where(_f.assistant == bindparam("assistant"), _f.metric == "correction")
    .order_by(_f.at.desc(), _f.submission)
)
_WORDS = (
    select(texts.c.ref, texts.c.sealed, customers.c.wrapped_key)
    .join_from(
        texts,
        customers,
        (customers.c.assistant == texts.c.assistant) & (customers.c.id == texts.c.customer),
    )
    .where(
        texts.c.assistant == bindparam("assistant"),
        texts.c.kind == "correction",
        among(texts.c.ref, "refs"),
        customers.c.wrapped_key.is_not(None),
    )
)
_WHERE = (
    select(_m.id, _m.conversation, conversations.c.customer, _m.role)
    .join_from(
        messages,
        conversations,
        (conversations.c.assistant == _m.assistant) & (conversations.c.id == _m.conversation),
    )
    .where(_m.assistant == bindparam("assistant"), among(_m.id, "ids"))
)
_CURRENT = select(_f.message, _f.author, _f.metric, _f.value, _f.submission, _f.at).where(
    _f.assistant == bindparam("assistant"), among(_f.message, "ids")
)


_h = feedback_history.c
_REPEATED = (
    select(_h.submission)
    .distinct()
    .where(_h.assistant == bindparam("assistant"), among(_h.submission, "ids"))
)
_CHANGES = (
    select(_h.message, _h.author, func.count(_h.submission.distinct()))
    .where(_h.assistant == bindparam("assistant"), among(_h.message, "ids"))
    .group_by(_h.message, _h.author)
)


log = logging.getLogger("kaeshi")


class FeedbackVerbs(Verbs):
    """Feedback on messages."""

    def __init__(
        self, connection: AsyncConnection, keyring: Keyring, conversations: ConversationVerbs
    ) -> None:
        super().__init__(connection, keyring)
        self._conversations = conversations

    async def add(
        self, assistant: str, said: Sequence[Feedback], ids: Sequence[str], now: datetime
    ) -> list[tuple[str, Opinion]]:
        """Record each submission; returns its id and all that its author now says.

        An identical submission returns the first one. Raises NotFound, and stores nothing, if a
        message is unknown.
        """
        await self._one_writer(assistant)
        messages_said, where = await self._messages_said_of(said, assistant)
        current = await self._current(assistant, messages_said)
        changed = await self._changes(assistant, messages_said)
        repeated = await self._repeated(assistant, said, ids)
        batch = Batch(assistant=assistant, now=now)
        results = []
        for feedback, submission in zip(said, ids, strict=True):
            about = feedback.message_id, self._author(assistant, feedback)
            before = current.setdefault(about, {})
            name = submission
            if submission not in repeated:
                times = changed.get(about, 0)
                name, fresh = self._taken(batch, feedback, submission, before, times)
                customer = where[feedback.message_id][1]
                await self._keep_all_words(assistant, feedback, submission, fresh, customer, now)
            repeated.add(submission)
            results.append((name, opinion_from(*about, before)))
        await self._write_batch(batch, where, assistant)
        return results

    def _taken(
        self,
        batch: Batch,
        feedback: Feedback,
        submission: str,
        before: dict[str, Stored],
        times: int,
    ) -> tuple[str, dict[str, str]]:
        """Add a submission to the batch; its id, and what is new in it.

        `times`: how often its author has changed feedback on this message.
        """
        name, fresh, stale = self._news(feedback, submission, before, micros(batch.now))
        if fresh:
            check_changes(feedback, times)
        batch.add(feedback, self._author(batch.assistant, feedback), submission, fresh, stale)
        return name, fresh

    async def _repeated(
        self, assistant: str, said: Sequence[Feedback], ids: Sequence[str]
    ) -> set[str]:
        """The submissions that are stored: their key says that they are repetitions."""
        keyed = [submission for one, submission in zip(said, ids, strict=True) if one.key]
        if not keyed:
            return set()
        rows = await self._rows(_REPEATED, assistant=assistant, ids=keyed)
        return {submission for (submission,) in rows}

    async def _messages_said_of(
        self, said: Sequence[Feedback], assistant: str
    ) -> tuple[list[str], dict[str, tuple[str, str]]]:
        messages_said = [f.message_id for f in said]
        where = await self._messages(assistant, messages_said)
        missing = next((name for name in messages_said if name not in where), None)
        if missing is not None:
            msg = (
                f"message {missing!r} of assistant {assistant!r} is not stored; "
                "log its conversation first"
            )
            raise NotFound(msg)
        return messages_said, where

    async def _changes(self, assistant: str, ids: Sequence[str]) -> dict[tuple[str, str], int]:
        """How many times each author has changed feedback on these messages."""
        rows = await self._rows(_CHANGES, assistant=assistant, ids=list(ids))
        return {(message, author): count for message, author, count in rows}

    async def _write_batch(
        self, batch: Batch, where: dict[str, tuple[str, str]], assistant: str
    ) -> None:
        await self._add(feedback_history, batch.history)
        await self._put(feedback_current, list(batch.latest.values()))
        touched = [where[name][0] for name in batch.touched]
        await self._conversations.mark_changed(assistant, touched)

    def _news(
        self, feedback: Feedback, submission: str, before: dict[str, Stored], now: int
    ) -> tuple[str, dict[str, str], dict[str, str]]:
        """The submission's id, what is new in it, and what a later submission has replaced.

        `before`, by metric, is brought up to date. What says when it was given counts by that time,
        in whatever order it comes; of two at the same time the larger value counts. The same value
        given again later stands from then on.
        """
        given = self._given(feedback)
        told = micros(feedback.at) if feedback.at else None
        fresh: dict[str, str] = {}
        stale: dict[str, str] = {}
        for metric, value in given.items():
            held = before.get(metric)
            if held is None:
                fresh[metric] = value
            elif told is None:
                if held.value != value:
                    fresh[metric] = value
            elif (told, value) > (held.at, held.value):
                fresh[metric] = value
            elif value != held.value:
                stale[metric] = value
        name = submission
        if not fresh and not stale:
            name = next(before[m].submission for m in given)
        for metric, value in fresh.items():
            before[metric] = Stored(value, submission, now if told is None else told)
        return name, fresh, stale

    def _author(self, assistant: str, feedback: Feedback) -> str:
        return self.keyring.pseudonym(assistant, feedback.author, "a") if feedback.author else ""

    def _given(self, feedback: Feedback) -> dict[str, str]:
        """The submission's values by metric, as stored."""
        stored = {metric: stored_value(feedback, metric, self.keyring.mac) for metric in SIGNALS}
        return {metric: value for metric, value in stored.items() if value is not None}

    async def _keep_all_words(
        self,
        assistant: str,
        feedback: Feedback,
        submission: str,
        fresh: Mapping[str, str],
        customer: str,
        now: datetime,
    ) -> None:
        for metric in sorted(WORDS & fresh.keys()):
            words = str(getattr(feedback, metric))
            await self._keep_words(assistant, metric, submission, customer, words, now)

    async def conversation_of(self, assistant: str, message: str) -> str | None:
        """The conversation of a message; None where it is not stored."""
        rows = await self._rows(_WHERE, assistant=assistant, ids=[message])
        return rows[0][1] if rows else None

    async def on(self, assistant: str, ids: Sequence[str]) -> dict[str, list[tuple[int, Opinion]]]:
        """By conversation the current opinions about its messages, each with its position."""
        found: dict[str, dict[tuple[str, str], dict[str, Stored]]] = {}
        positions: dict[str, int] = {}
        for conversation, position, message, author, metric, value, submission in await self._rows(
            _SAID, assistant=assistant, ids=list(ids)
        ):
            found.setdefault(conversation, {}).setdefault((message, author), {})[metric] = Stored(
                value, submission, 0
            )
            positions[message] = position
        return {
            c: [
                (positions[message], opinion_from(message, author, values))
                for (message, author), values in said.items()
            ]
            for c, said in found.items()
        }

    async def corrections(self, assistant: str, ids: Sequence[str]) -> dict[str, dict[int, str]]:
        """By conversation the corrected answers that a person accepted, by position of the message.

        The latest where several people gave one. Not scrubbed.
        """
        rows = await self._rows(_ACCEPTED, assistant=assistant, ids=list(ids))
        words = await self._opened_words([submission for _, _, submission, _ in rows], assistant)
        found: dict[str, dict[int, str]] = {}
        for conversation, position, submission, answer in rows:
            # the words of an erased customer are gone, and so is what was made of them
            if submission in words:
                found.setdefault(conversation, {})[position] = answer or words[submission]
        return found

    async def corrections_given(
        self, assistant: str, state: ReviewState | None, limit: int
    ) -> list[Correction]:
        """Corrections that customers gave, the latest first; of any state for None."""
        given = await self._rows(_GIVEN, assistant=assistant)
        kept = [row for row in given if state is None or row[2] == state][:limit]
        words = await self._opened_words([row[0] for row in kept], assistant)
        return [
            Correction(submission, moment(at), now, by, words[submission], conversation, message)
            for submission, at, now, by, conversation, message in kept
            if submission in words
        ]

    async def decide_correction(
        self,
        assistant: str,
        submission: str,
        state: ReviewState,
        by: str,
        note: str,
        now: datetime,
        answer: str | None = None,
    ) -> None:
        """Store a reviewer's decision about a correction. Raises NotFound."""
        given = await self.connection.execute(
            select(_f.submission).where(
                _f.assistant == assistant, _f.metric == "correction", _f.submission == submission
            )
        )
        if given.first() is None:
            msg = (
                f"correction {submission!r} of assistant {assistant!r} is not stored; `kaeshi "
                "review list` shows the queue"
            )
            raise NotFound(msg)
        row = {
            "assistant": assistant,
            "submission": submission,
            "state": state,
            "by": by,
            "note": note,
            "answer": answer,
            "at": micros(now),
        }
        await self._put(corrections, [row])

    async def _opened_words(self, submissions: Sequence[str], assistant: str) -> dict[str, str]:
        """The words of these corrections, without those of erased customers and damaged ones."""
        refs = {address(submission): submission for submission in submissions}
        found: dict[str, str] = {}
        for ref, sealed, key in await self._rows(_WORDS, assistant=assistant, refs=list(refs)):
            try:
                raw = self.keyring.open(key, sealed, place(assistant, "correction", ref, 0))
            except Damaged:  # one text must not stop the others
                log.exception("a correction is left out")
                continue
            found[refs[ref]] = raw.decode()
        return found

    async def tallies(self, assistant: str, since: datetime) -> Json:
        """Counts since then: rated messages, votes, ratings, and all assistant messages."""
        fc = feedback_current.c
        recent = (fc.assistant == assistant, fc.at >= micros(since))
        votes, stars = await self._votes_and_stars(fc, recent)
        rated = await self._pieces(fc, recent)
        fed = select(fc.message).where(*recent).distinct()
        answered = _answered_statement(assistant, since, fed)
        return {
            "pieces": rated[0],
            "messages": rated[1],
            "up": votes.get("up", 0),
            "down": votes.get("down", 0),
            "ratings": {int(k): v for k, v in stars.items()},
            "answers": int((await self.connection.execute(answered)).scalar_one()),
        }

    async def _votes_and_stars(
        self,
        fc: Columns,
        recent: tuple[ColumnElement[bool], ColumnElement[bool]],
    ) -> tuple[dict[str, int], dict[str, int]]:
        votes: dict[str, int] = dict(
            (
                await self.connection.execute(
                    select(fc.value, func.count())
                    .where(*recent, fc.metric == "vote")
                    .group_by(fc.value)
                )
            ).all()
        )
        stars: dict[str, int] = dict(
            (
                await self.connection.execute(
                    select(fc.value, func.count())
                    .where(*recent, fc.metric == "rating")
                    .group_by(fc.value)
                )
            ).all()
        )
        return votes, stars

    async def _pieces(
        self,
        fc: Columns,
        recent: tuple[ColumnElement[bool], ColumnElement[bool]],
    ) -> Row[int, int]:
        pieces = select(fc.message, fc.author).where(*recent).distinct().subquery()
        return (
            await self.connection.execute(
                select(func.count(), func.count(pieces.c.message.distinct())).select_from(pieces)
            )
        ).one()

    async def _messages(self, assistant: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Message -> (conversation, customer). Raises InvalidInput for one that is no answer."""
        rows = await self._rows(_WHERE, assistant=assistant, ids=list(ids))
        for message, _, _, role in rows:
            if role != "assistant":
                msg = f"message {message!r} is from the {role}; feedback is on an answer"
                raise InvalidInput(msg)
        return {message: (conversation, customer) for message, conversation, customer, _ in rows}

    async def _current(
        self, assistant: str, ids: Sequence[str]
    ) -> dict[tuple[str, str], dict[str, Stored]]:
        found: dict[tuple[str, str], dict[str, Stored]] = {}
        for message, author, metric, value, submission, at in await self._rows(
            _CURRENT, assistant=assistant, ids=list(ids)
        ):
            found.setdefault((message, author), {})[metric] = Stored(value, submission, at)
        return found

    async def _keep_words(
        self, assistant: str, metric: str, submission: str, customer: str, words: str, now: datetime
    ) -> None:
        key = (await self._conversations.data_keys(assistant, [customer], now))[customer]
        if key is not None:
            ref = address(submission)
            sealed = self.keyring.seal(key, words.encode(), place(assistant, metric, ref, 0))
            await self._put(
                texts,
                [
                    {
                        "assistant": assistant,
                        "kind": metric,
                        "ref": ref,
                        "part": 0,
                        "customer": customer,
                        "sealed": sealed,
                    }
                ],
            )


def _answered_statement(
    assistant: str, since: datetime, fed: Select[*tuple[Any, ...]]
) -> Select[int]:
    return select(func.count()).where(
        messages.c.assistant == assistant,
        messages.c.role == "assistant",
        (messages.c.at >= micros(since)) | messages.c.id.in_(fed),
    )
