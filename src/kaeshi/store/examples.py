"""Judged conversations, their scrubbed text, datasets, and reviewers' decisions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func, null, select, update

from kaeshi.errors import NotFound
from kaeshi.nouns import Consent, Drop, Example, Json, Keep, ReviewItem, ReviewState, Signals
from kaeshi.rules import review as rules
from kaeshi.store.contexts import context_id
from kaeshi.store.tables import collection_runs, contexts, conversations, examples
from kaeshi.store.verbs import Verbs, among, dumps, micros, moment


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A conversation after collection.

    `body` is its scrubbed messages as text, None where it was dropped.
    """

    id: str
    conversation: str
    verdict: Keep | Drop
    signals: Signals
    facts: Mapping[str, object]
    consent: Consent
    intent: str
    body: str | None
    pii: Mapping[str, int]
    scrubber: str
    started_at: datetime
    review: ReviewState = "proposed"
    context: Json = field(default_factory=dict)
    account: str = ""
    is_logged: bool = False
    is_unnamed: bool = False
    is_vouched: bool = True
    network: str = ""
    probability: float | None = None
    held: str = ""

    def waits(self, *, review_unnamed: bool) -> bool:
        """Whether a person must approve it first: votes are too few, or its customer is unnamed.

        `review_unnamed`: whether those of unnamed customers must wait, whatever their votes.
        """
        is_open = bool(self.held) or (review_unnamed and self.is_unnamed)
        return is_open and self.review == "proposed"

    @property
    def example(self) -> Example:
        """The example for a dataset."""
        return Example(
            id=self.id,
            conversation=self.conversation,
            body=self.body or "[]",
            intent=self.intent,
            started_at=self.started_at,
            signals=self.signals,
            consent=self.consent,
            scrubber=self.scrubber,
            pii=self.pii,
            account=self.account,
            network=self.network,
            context=self.context,
        )


class Reviewed(NamedTuple):
    """A reviewer's decision.

    `upto`: the answer it was about; `corrected`: the messages where the reviewer corrected it.
    """

    state: ReviewState
    upto: int | None
    corrected: list[Json] | None


UNWEIGHED = "its votes are not weighed yet"
# the SQL of `Judged.waits`, with review_unnamed and without
WAITS = (examples.c.is_unnamed | (examples.c.held != "")) & (examples.c.review == "proposed")
HELD = (examples.c.held != "") & (examples.c.review == "proposed")
_SILENT = select(conversations.c.id).where(
    conversations.c.assistant == bindparam("assistant"),
    among(conversations.c.id, "ids"),
    conversations.c.consent == "none",
)
_UNLEARNED = (
    update(examples)
    .where(
        examples.c.assistant == bindparam("a"),
        examples.c.conversation == bindparam("c"),
        select(conversations.c.id)
        .where(
            conversations.c.assistant == bindparam("a"),
            conversations.c.id == bindparam("c"),
            conversations.c.consent == "none",
        )
        .exists(),
    )
    .values(kept=False, reason="no_consent", consent="none", messages=null())
)


_SHOWABLE = (
    select(conversations.c.id)
    .outerjoin(
        examples,
        (examples.c.assistant == conversations.c.assistant)
        & (examples.c.conversation == conversations.c.id),
    )
    .where(
        conversations.c.assistant == bindparam("assistant"),
        among(conversations.c.id, "ids"),
        conversations.c.consent != "none",
        conversations.c.customer != bindparam("customer"),
        func.coalesce(examples.c.review, "proposed") != "rejected",
    )
)


class Signalled(NamedTuple):
    """A verdict, and what it rests on beside the texts. `reason`: None where it was kept."""

    conversation: str
    reason: str | None
    consent: Consent
    facts: Mapping[str, object]
    signals: Signals


_SIGNALS = (
    select(
        examples.c.conversation,
        examples.c.kept,
        examples.c.reason,
        examples.c.consent,
        examples.c.facts,
        examples.c.signals,
    )
    .where(
        examples.c.assistant == bindparam("assistant"),
        examples.c.conversation > bindparam("after"),
    )
    .order_by(examples.c.conversation)
    .limit(bindparam("at_most"))
)
_REVIEWED = select(
    examples.c.conversation, examples.c.review, examples.c.upto, examples.c.messages
).where(
    examples.c.assistant == bindparam("assistant"),
    among(examples.c.conversation, "ids"),
    examples.c.review != "proposed",
)

_VOUCHED = select(examples.c.conversation).where(
    examples.c.assistant == bindparam("assistant"),
    among(examples.c.conversation, "ids"),
    examples.c.kept,
)


def by_type(recognised: Mapping[str, int]) -> dict[str, int]:
    """Counts by "TYPE recogniser" as counts by type."""
    totals: dict[str, int] = {}
    for name, count in recognised.items():
        kind = name.partition(" ")[0]
        totals[kind] = totals.get(kind, 0) + count
    return dict(sorted(totals.items()))


class ExampleVerbs(Verbs):
    """Examples, datasets and reviews."""

    async def put(self, assistant: str, judged: Sequence[Judged], now: datetime) -> None:
        """Store verdicts.

        An earlier verdict on the same conversation is replaced; a reviewer's decision stays.
        """
        rows = _example_rows(judged, assistant, now)
        await self._put(examples, rows)
        # consent may have been withdrawn while they were judged
        await self._each(_UNLEARNED, [{"a": assistant, "c": j.conversation} for j in judged])

    async def silent(self, assistant: str, ids: Sequence[str]) -> set[str]:
        """Those of these conversations that may not be learned from."""
        rows = await self._rows(_SILENT, assistant=assistant, ids=list(ids))
        return {name for (name,) in rows}

    async def showable(self, assistant: str, ids: Sequence[str], customer: str) -> set[str]:
        """Those of these conversations that may be shown as examples to this customer.

        Not their own, none that was rejected or erased, and none without consent.
        """
        rows = await self._rows(_SHOWABLE, assistant=assistant, ids=list(ids), customer=customer)
        return {name for (name,) in rows}

    async def reviews(self, assistant: str, conversations: Sequence[str]) -> dict[str, Reviewed]:
        """Reviewers' decisions by conversation."""
        rows = await self._rows(_REVIEWED, assistant=assistant, ids=list(conversations))
        return {
            c: Reviewed(state, upto, json.loads(body) if state == "corrected" and body else None)
            for c, state, upto, body in rows
        }

    async def judged(self, assistant: str, after: str, limit: int) -> list[Judged]:
        """Every verdict in the order of conversation ids; `after` is the cursor."""
        statement = (
            _with_context()
            .where(examples.c.assistant == assistant, examples.c.conversation > after)
            .order_by(examples.c.conversation)
            .limit(limit)
        )
        return [_judged(row) for row in await self.connection.execute(statement)]

    async def get(self, assistant: str, identifier: str) -> Judged:
        """One verdict. Raises NotFound."""
        row = (
            await self.connection.execute(
                _with_context().where(
                    examples.c.assistant == assistant, examples.c.id == identifier
                )
            )
        ).first()
        if row is None:
            msg = (
                f"example {identifier!r} of assistant {assistant!r} is not stored; `kaeshi "
                "review list` shows the queue"
            )
            raise NotFound(msg)
        return _judged(row)

    async def count_kept(self, assistant: str, *, review_unnamed: bool = True) -> tuple[int, int]:
        """How many examples are kept, and how many of these wait: see `Judged.waits`."""
        waits = WAITS if review_unnamed else HELD
        kept, waiting = (
            await self.connection.execute(
                select(func.count(), func.count().filter(waits)).where(
                    examples.c.assistant == assistant, examples.c.kept
                )
            )
        ).one()
        return int(kept), int(waiting)

    async def reasons(self, assistant: str) -> dict[str, int]:
        """Dropped conversations, counted by reason."""
        statement = (
            select(examples.c.reason, func.count())
            .where(examples.c.assistant == assistant, examples.c.kept.is_(False))
            .group_by(examples.c.reason)
        )
        return dict(sorted((await self.connection.execute(statement)).all()))

    async def pii_counts(self, assistant: str) -> dict[str, int]:
        """Personal data replaced in kept examples, by type."""
        return by_type(await self.pii_recognised(assistant))

    async def pii_recognised(self, assistant: str) -> dict[str, int]:
        """Personal data replaced in kept examples, by "TYPE recogniser"."""
        totals: dict[str, int] = {}
        for counts in (
            await self.connection.execute(
                select(examples.c.pii).where(examples.c.assistant == assistant, examples.c.kept)
            )
        ).scalars():
            for kind, count in json.loads(counts).items():
                totals[kind] = totals.get(kind, 0) + count
        return dict(sorted(totals.items()))

    async def vouched(
        self, assistant: str, conversations: Sequence[str], *, review_unnamed: bool
    ) -> set[str]:
        """Those of these conversations whose example is kept and does not wait."""
        waits = WAITS if review_unnamed else HELD
        statement = _VOUCHED.where(~waits)
        rows = await self._rows(statement, assistant=assistant, ids=list(conversations))
        return {conversation for (conversation,) in rows}

    async def waiting(
        self, assistant: str, state: ReviewState | None, limit: int
    ) -> list[ReviewItem]:
        """Examples for review."""
        statement = select(examples).where(examples.c.assistant == assistant, examples.c.kept)
        if state is not None:
            statement = statement.where(examples.c.review == state)
        rows = await self.connection.execute(
            statement.order_by(examples.c.judged_at.desc(), examples.c.id).limit(limit)
        )
        return [_review_item(row) for row in rows]

    async def decide(
        self,
        assistant: str,
        identifier: str,
        state: ReviewState,
        by: str,
        note: str,
        now: datetime,
        corrected: Sequence[Json] | None = None,
    ) -> None:
        """Store a reviewer's decision. A rejected example is no longer kept."""
        values: dict[str, object] = {
            "review": state,
            "reviewed_by": by,
            "note": note,
            "reviewed_at": micros(now),
        }
        if state == "rejected":
            values |= {"kept": False, "reason": "rejected", "messages": None}
        if corrected is not None:
            values["messages"] = dumps(list(corrected))
        await self.connection.execute(
            update(examples)
            .where(examples.c.assistant == assistant, examples.c.id == identifier)
            .values(**values)
        )

    async def last_filters(self, assistant: str) -> str:
        """The filters of the latest collection by the settings; empty before the first."""
        statement = (
            select(collection_runs.c.filters)
            .where(collection_runs.c.assistant == assistant, collection_runs.c.filters != "")
            .order_by(collection_runs.c.finished_at.desc(), collection_runs.c.started_at.desc())
            .limit(1)
        )
        found = (await self.connection.execute(statement)).first()
        return "" if found is None else str(found.filters)

    async def signals(self, assistant: str, after: str, limit: int) -> list[Signalled]:
        """What verdicts rest on beside the texts, by conversation id; `after` is the cursor."""
        rows = await self._rows(_SIGNALS, assistant=assistant, after=after, at_most=limit)
        return [
            Signalled(
                conversation=conversation,
                reason=None if kept else reason,
                consent=consent,
                facts=json.loads(facts),
                signals=_signals(signals),
            )
            for conversation, kept, reason, consent, facts, signals in rows
        ]

    async def add_collection_run(
        self,
        assistant: str,
        run: str,
        kept: int,
        dropped: Mapping[str, int],
        filters: str,
        started: datetime,
        finished: datetime,
    ) -> None:
        """Log a collection's result, and the filters it judged by."""
        await self._add(
            collection_runs,
            [
                {
                    "assistant": assistant,
                    "id": run,
                    "kept": kept,
                    "dropped": dumps(dict(dropped)),
                    "filters": filters,
                    "started_at": micros(started),
                    "finished_at": micros(finished),
                }
            ],
        )


def _with_context() -> Select[Any]:
    """Examples with what their conversation's requests offered."""
    return select(examples, contexts.c.body.label("offered")).outerjoin(
        contexts,
        (contexts.c.assistant == examples.c.assistant) & (contexts.c.id == examples.c.context),
    )


def _example_rows(judged: Sequence[Judged], assistant: str, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "assistant": assistant,
            "id": j.id,
            "conversation": j.conversation,
            "kept": isinstance(j.verdict, Keep),
            "reason": j.verdict.reason if isinstance(j.verdict, Drop) else "",
            "upto": j.verdict.upto if isinstance(j.verdict, Keep) else None,
            "signals": j.signals.model_dump_json(),
            "facts": dumps(dict(j.facts)),
            "consent": j.consent,
            "intent": j.intent,
            "messages": j.body,
            "pii": dumps(dict(j.pii)),
            "scrubber": j.scrubber,
            "context": context_id(j.context),
            "account": j.account,
            "is_logged": j.is_logged,
            "is_unnamed": j.is_unnamed,
            "is_vouched": j.is_vouched,
            "network": j.network,
            "probability": None,
            "bound": None,
            "held": "" if j.is_logged else UNWEIGHED,
            "review": j.review,
            "started_at": micros(j.started_at),
            "judged_at": micros(now),
        }
        for j in judged
    ]


def _review_item(row: Any) -> ReviewItem:
    spoken = json.loads(row.messages)
    signals = _signals(row.signals)
    question, answer = rules.last_exchange(spoken)
    return ReviewItem(
        kind="example",
        ref=row.id,
        state=row.review,
        title=question,
        answer=answer,
        conversation=row.conversation,
        why=rules.why_example(signals, is_unnamed=bool(row.is_unnamed), held=row.held),
        right=row.probability,
        waits=row.review == "proposed" and (bool(row.is_unnamed) or bool(row.held)),
        score=signals.quality_tenths or 0,
        at=moment(row.judged_at),
        by=row.reviewed_by,
    )


def _judged(row: object) -> Judged:
    r = row._mapping  # type: ignore[attr-defined]  # SQLAlchemy's documented way to a row as a mapping
    return Judged(
        id=r["id"],
        conversation=r["conversation"],
        verdict=Keep(upto=r["upto"]) if r["kept"] else Drop(reason=r["reason"]),
        signals=_signals(r["signals"]),
        facts=json.loads(r["facts"]),
        consent=r["consent"],
        intent=r["intent"],
        body=r["messages"] if r["kept"] else None,
        pii=_counts(r["pii"]),
        scrubber=r["scrubber"],
        started_at=moment(r["started_at"]),
        review=r["review"],
        account=r["account"],
        is_logged=r["is_logged"],
        is_unnamed=bool(r["is_unnamed"]),
        is_vouched=bool(r["is_vouched"]),
        network=r["network"],
        probability=r["probability"],
        held=r["held"],
        context=json.loads(r["offered"]) if r["offered"] else {},
    )


@lru_cache(4096)  # most conversations have equal signals and counts, so share one object
def _signals(stored: str) -> Signals:
    return Signals.model_validate_json(stored)


@lru_cache(4096)
def _counts(stored: str) -> Mapping[str, int]:
    return MappingProxyType(json.loads(stored))
