"""Feedback: one current value per message, metric and author, and everything that was ever said."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from kaeshi.errors import NotFound
from kaeshi.nouns import Feedback, Json
from kaeshi.store.conversations import ConversationVerbs, place
from kaeshi.store.tables import (
    conversations,
    customers,
    feedback_current,
    feedback_history,
    messages,
    texts,
)
from kaeshi.store.verbs import among, micros

METRICS = ("vote", "rating", "helpful", "accurate", "comment", "correction")
WORDS = frozenset({"comment", "correction"})


_m = messages.c
_f = feedback_current.c
_SAID = (
    select(_m.conversation, _m.position, _f.message, _f.author, _f.metric, _f.value, _f.submission)
    .join_from(messages, feedback_current, (_f.assistant == _m.assistant) & (_f.message == _m.id))
    .where(_m.assistant == bindparam("assistant"), among(_m.conversation, "ids"))
    .order_by(_m.position, _f.author, _f.metric)
)
_CORRECTED = (
    select(_m.conversation, _m.position, _f.submission)
    .join_from(messages, feedback_current, (_f.assistant == _m.assistant) & (_f.message == _m.id))
    .where(
        _m.assistant == bindparam("assistant"),
        among(_m.conversation, "ids"),
        _f.metric == "correction",
    )
    .order_by(_f.at, _f.author)
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
    select(_m.id, _m.conversation, conversations.c.customer)
    .join_from(
        messages,
        conversations,
        (conversations.c.assistant == _m.assistant) & (conversations.c.id == _m.conversation),
    )
    .where(_m.assistant == bindparam("assistant"), among(_m.id, "ids"))
)
_CURRENT = select(_f.message, _f.author, _f.metric, _f.value, _f.submission).where(
    _f.assistant == bindparam("assistant"), among(_f.message, "ids")
)


class FeedbackVerbs(ConversationVerbs):
    """Verbs over what people thought."""

    async def add_feedback(
        self, assistant: str, said: Sequence[Feedback], ids: Sequence[str], now: datetime
    ) -> list[tuple[str, Feedback]]:
        """Record each piece; returns per piece its submission id and all that its author now says about the message.

        Saying the same again returns the first submission. Raises NotFound, and stores nothing, if a message is unknown.
        """
        await self._one_writer(assistant)
        where = await self._messages(assistant, [f.message_id for f in said])
        missing = next((f.message_id for f in said if f.message_id not in where), None)
        if missing is not None:
            msg = f"message {missing!r} of assistant {assistant!r} is not stored; log its conversation first"
            raise NotFound(msg)
        authors = [
            self.keyring.pseudonym(assistant, f.author, "a") if f.author else "" for f in said
        ]
        current = await self._current(assistant, [f.message_id for f in said])
        history = []
        results = []
        touched = []
        latest: dict[tuple[str, str, str], dict[str, Any]] = {}
        for feedback, author, submission in zip(said, authors, ids, strict=True):
            before = current.setdefault((feedback.message_id, author), {})
            fresh = {
                m: v
                for m in METRICS
                if (v := _stored(feedback, m, self.keyring.mac)) is not None
                and before.get(m, ("", ""))[0] != v
            }
            for metric, value in fresh.items():
                row = {
                    "assistant": assistant,
                    "message": feedback.message_id,
                    "author": author,
                    "metric": metric,
                    "value": value,
                    "submission": submission,
                    "at": micros(feedback.at or now),
                }
                before[metric] = (value, submission)
                history.append(row)
                latest[feedback.message_id, author, metric] = row
                if metric in WORDS:
                    await self._keep_words(
                        assistant,
                        metric,
                        submission,
                        where[feedback.message_id][1],
                        str(getattr(feedback, metric)),
                        now,
                    )
            if fresh:
                touched.append(where[feedback.message_id][0])
            name = next(
                iter(
                    (fresh and [submission])
                    or [
                        s
                        for m, (_, s) in before.items()
                        if _stored(feedback, m, self.keyring.mac) is not None
                    ]
                )
            )
            results.append((name, _whole(feedback.message_id, author, before)))
        await self._add(feedback_history, history)
        await self._put(feedback_current, list(latest.values()))
        await self.mark_changed(assistant, touched)
        return results

    async def feedback_on(
        self, assistant: str, ids: Sequence[str]
    ) -> dict[str, list[tuple[int, Feedback]]]:
        """By conversation, what is currently said about its messages, each with the message's position."""
        found: dict[str, dict[tuple[str, str], dict[str, tuple[str, str]]]] = {}
        positions: dict[str, int] = {}
        for conversation, position, message, author, metric, value, submission in await self._rows(
            _SAID, assistant=assistant, ids=list(ids)
        ):
            found.setdefault(conversation, {}).setdefault((message, author), {})[metric] = (
                value,
                submission,
            )
            positions[message] = position
        return {
            c: [
                (positions[message], _whole(message, author, values))
                for (message, author), values in said.items()
            ]
            for c, said in found.items()
        }

    async def corrections(self, assistant: str, ids: Sequence[str]) -> dict[str, dict[int, str]]:
        """By conversation, the right answers that people gave, by position of the message; the latest where several did. Not scrubbed."""
        rows = await self._rows(_CORRECTED, assistant=assistant, ids=list(ids))
        refs = [_ref(submission) for _, _, submission in rows]
        words = {
            ref: self.keyring.open(key, sealed, place(assistant, "correction", ref, 0)).decode()
            for ref, sealed, key in await self._rows(_WORDS, assistant=assistant, refs=refs)
        }
        found: dict[str, dict[int, str]] = {}
        for (conversation, position, _), ref in zip(rows, refs, strict=True):
            if ref in words:
                found.setdefault(conversation, {})[position] = words[ref]
        return found

    async def feedback_tallies(self, assistant: str, since: datetime) -> Json:
        """Counts since then: rated messages, votes, ratings, and assistant messages as the denominator of the rate."""
        fc = feedback_current.c
        recent = (fc.assistant == assistant, fc.at >= micros(since))
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
        pieces = select(fc.message, fc.author).where(*recent).distinct().subquery()
        rated = (
            await self.connection.execute(
                select(func.count(), func.count(pieces.c.message.distinct())).select_from(pieces)
            )
        ).one()
        fed = select(fc.message).where(*recent).distinct()
        answered = select(func.count()).where(
            messages.c.assistant == assistant,
            messages.c.role == "assistant",
            (messages.c.at >= micros(since)) | messages.c.id.in_(fed),
        )
        return {
            "pieces": rated[0],
            "messages": rated[1],
            "up": votes.get("up", 0),
            "down": votes.get("down", 0),
            "ratings": {int(k): v for k, v in stars.items()},
            "answers": int((await self.connection.execute(answered)).scalar_one()),
        }

    async def _messages(self, assistant: str, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Message -> (conversation, customer)."""
        rows = await self._rows(_WHERE, assistant=assistant, ids=list(ids))
        return {message: (conversation, customer) for message, conversation, customer in rows}

    async def _current(
        self, assistant: str, ids: Sequence[str]
    ) -> dict[tuple[str, str], dict[str, tuple[str, str]]]:
        found: dict[tuple[str, str], dict[str, tuple[str, str]]] = {}
        for message, author, metric, value, submission in await self._rows(
            _CURRENT, assistant=assistant, ids=list(ids)
        ):
            found.setdefault((message, author), {})[metric] = (value, submission)
        return found

    async def _keep_words(
        self, assistant: str, metric: str, submission: str, customer: str, words: str, now: datetime
    ) -> None:
        key = (await self.data_keys(assistant, [customer], now))[customer]
        if key is not None:
            ref = _ref(submission)
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


def _ref(submission: str) -> str:
    """Where a submission's words lie: its id is longer than a place may be."""
    return hashlib.sha256(submission.encode()).hexdigest()


def _stored(feedback: Feedback, metric: str, mac: Any) -> str | None:
    """What stands in the table: the value, or for words their length and a keyed digest."""
    value = getattr(feedback, metric)
    if value is None:
        return None
    if metric in WORDS:
        return f"{min(len(value.strip()), 99999)}:{mac(value.encode()).hex()[:8]}"
    return str(value).lower()


def _whole(message: str, author: str, values: dict[str, tuple[str, str]]) -> Feedback:
    """All that one author says about one message. Words come back as that many dots: scoring asks for their length only."""
    said: dict[str, Any] = {}
    for metric, (value, _) in values.items():
        if metric in WORDS:
            said[metric] = "." * int(value.split(":")[0])
        else:
            said[metric] = {"true": True, "false": False}.get(
                value, int(value) if metric == "rating" else value
            )
    return Feedback(message_id=message, author=author, **said)
