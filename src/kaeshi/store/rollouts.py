"""Production, candidates, and every transition with its reason."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from kaeshi.errors import Conflict, NotFound
from kaeshi.nouns import (
    Arm,
    Candidate,
    Json,
    Rollout,
    RolloutPlan,
    RolloutState,
    TrialRow,
)
from kaeshi.rules.rollout import LIVE, production_after
from kaeshi.store.candidates import as_candidate
from kaeshi.store.reports import answered_by_production
from kaeshi.store.rollout_statements import (
    counted_rows,
    delays_statement,
    first_conversations,
    requests_statement,
)
from kaeshi.store.tables import (
    candidates,
    conversations,
    outcomes,
    productions,
    requests,
    rollout_audit,
    rollout_rows,
    rollouts,
)
from kaeshi.store.verbs import Verbs, dumps, micros, moment

MICROS_PER_HOUR = 3_600_000_000


class RolloutVerbs(Verbs):
    """Rollouts and production.

    Every transition is compare-and-set, with its audit row in the same transaction.
    """

    async def begin(self, rollout: Rollout, by: str, why: str) -> None:
        """Start a rollout.

        Raises Conflict while another candidate is under way: the database allows one.
        """
        row = rollout.model_dump(exclude={"plan"}) | {
            name: micros(getattr(rollout, name))
            for name in ("mirror_until", "began_at", "changed_at")
        }
        await self._one_writer(rollout.assistant)
        try:
            async with self.connection.begin_nested():
                await self.connection.execute(rollouts.insert(), row)
        except IntegrityError as error:
            live = await self.live(rollout.assistant)
            msg = (
                f"assistant {rollout.assistant!r} has a candidate under way already "
                f"({live.id if live else 'unknown'}, {live.state if live else 'unknown'}); "
                "promote it or roll it back first"
            )
            raise Conflict(msg) from error
        await self._audit(rollout, "", by, why, {})

    async def move(
        self,
        before: Rollout,
        after: RolloutState,
        percent: float,
        now: datetime,
        *,
        by: str,
        why: str,
        evidence: Json,
        holds_out: bool = True,
    ) -> Rollout:
        """Make one transition; raises Conflict if the rollout has moved in the meantime.

        `rules.rollout.production_after` decides what it does to production. `holds_out`: a
        predecessor keeps some customers for a while.
        """
        await self._one_writer(before.assistant)
        current = await self.production(before.assistant)
        other = await self.live(before.assistant)
        replaced = production_after(before, after, current, other)
        moved = before.model_copy(
            update={
                "state": after,
                "percent": percent,
                "version": before.version + 1,
                "changed_at": now,
                "paused": None,
            }
        )
        if after == "full":
            former = current.id if current is not None and holds_out else None
            moved = moved.model_copy(update={"former": former})
        changed = {
            "state": after,
            "percent": percent,
            "changed_at": micros(now),
            "former": moved.former,
            "paused": None,
        }
        await self._change(before, moved, changed)
        await self._audit(moved, before.state, by, why, evidence)
        if replaced is not None:
            await self.set_production(before.assistant, replaced, now)
        return moved

    async def let_go(self, held: Rollout) -> None:
        """End a holdout: no customer stays at the predecessor."""
        await self.connection.execute(
            update(rollouts)
            .where(rollouts.c.assistant == held.assistant, rollouts.c.id == held.id)
            .values(former=None)
        )

    async def pause(
        self,
        before: Rollout,
        paused: str | None,
        now: datetime,
        *,
        by: str,
        why: str,
        percent: float,
        trusted_by: str | None = None,
    ) -> Rollout:
        """Pause a rollout, or resume it (None), with that share of the customers.

        Raises Conflict if it has moved in the meantime.
        """
        await self._one_writer(before.assistant)
        changed = {"paused": paused, "percent": percent, "trusted_by": trusted_by}
        held = before.model_copy(update={"version": before.version + 1, **changed})
        await self._change(before, held, changed)
        await self._audit(held, before.state, by, why, {}, now)
        return held

    async def _change(self, before: Rollout, after: Rollout, values: Mapping[str, object]) -> None:
        """Compare and set."""
        guard = update(rollouts).where(
            rollouts.c.assistant == before.assistant,
            rollouts.c.id == before.id,
            rollouts.c.version == before.version,
        )
        result = await self.connection.execute(guard.values(**values, version=after.version))
        if result.rowcount != 1:
            msg = (
                f"rollout {before.id!r} has changed since it was read (version "
                f"{before.version}); look again"
            )
            raise Conflict(msg)

    async def set_production(self, assistant: str, candidate: str, now: datetime) -> None:
        """Make it the one production of the assistant."""
        stored = (
            await self.connection.execute(
                select(productions.c.version).where(productions.c.assistant == assistant)
            )
        ).scalar()
        await self._put(
            productions,
            [
                {
                    "assistant": assistant,
                    "candidate": candidate,
                    "version": (stored or 0) + 1,
                    "since": micros(now),
                }
            ],
        )

    async def answering(self, assistant: str) -> list[Candidate]:
        """What is in production, and what is on its way there."""
        production = await self.production(assistant)
        found = [] if production is None else [production]
        live = await self.live(assistant)
        if live is not None:
            statement = select(candidates).where(
                candidates.c.assistant == assistant, candidates.c.id == live.candidate
            )
            found += [as_candidate(row) for row in await self.connection.execute(statement)]
        return found

    async def production(self, assistant: str) -> Candidate | None:
        """The model that answers customers; None before the first production."""
        statement = select(candidates).join(
            productions,
            (productions.c.assistant == candidates.c.assistant)
            & (productions.c.candidate == candidates.c.id),
        )
        row = (
            await self.connection.execute(statement.where(candidates.c.assistant == assistant))
        ).first()
        return None if row is None else as_candidate(row)

    async def live(self, assistant: str) -> Rollout | None:
        """The one under way."""
        row = (
            await self.connection.execute(
                select(rollouts).where(
                    rollouts.c.assistant == assistant, rollouts.c.state.in_(LIVE)
                )
            )
        ).first()
        return None if row is None else _rollout(row)

    async def held_out(self, assistant: str, since: datetime) -> Rollout | None:
        """The latest rollout in full with customers held out, promoted after `since`."""
        mine = (
            (rollouts.c.assistant == assistant)
            & (rollouts.c.state == "full")
            & (rollouts.c.changed_at > micros(since))
        )
        now = rollouts.join(
            productions,
            (productions.c.assistant == rollouts.c.assistant)
            & (productions.c.candidate == rollouts.c.candidate),
        )
        statement = (
            select(rollouts)
            .select_from(now)
            .where(mine, rollouts.c.former.is_not(None))
            .order_by(rollouts.c.changed_at.desc())
        )
        row = (await self.connection.execute(statement)).first()
        return None if row is None else _rollout(row)

    async def largest_customer(self, assistant: str, since: datetime) -> tuple[int, int]:
        """(conversations of the customer with the most, of all) since then."""
        mine = (conversations.c.assistant == assistant) & (
            conversations.c.started_at >= micros(since)
        )
        each = (
            select(func.count().label("n"))
            .where(mine)
            .group_by(conversations.c.customer)
            .subquery()
        )
        most, total = (
            await self.connection.execute(select(func.max(each.c.n), func.sum(each.c.n)))
        ).one()
        return int(most or 0), int(total or 0)

    async def get(self, assistant: str, identifier: str) -> Rollout:
        """By id. Raises NotFound."""
        row = (
            await self.connection.execute(
                select(rollouts).where(
                    rollouts.c.assistant == assistant, rollouts.c.id == identifier
                )
            )
        ).first()
        if row is None:
            msg = (
                f"rollout {identifier!r} of assistant {assistant!r} is not known; `kaeshi "
                "rollout status` shows those that are"
            )
            raise NotFound(msg)
        return _rollout(row)

    async def history(self, assistant: str) -> list[Rollout]:
        """All of them, the latest first."""
        statement = (
            select(rollouts)
            .where(rollouts.c.assistant == assistant)
            .order_by(rollouts.c.began_at.desc(), rollouts.c.id)
        )
        return [_rollout(row) for row in await self.connection.execute(statement)]

    async def audit(self, assistant: str, rollout: str) -> Sequence[Json]:
        """Every transition of a rollout in order, with who and why."""
        statement = (
            select(rollout_audit)
            .where(rollout_audit.c.assistant == assistant, rollout_audit.c.rollout == rollout)
            .order_by(rollout_audit.c.version)
        )
        return [
            {
                "before": r.before,
                "after": r.after,
                "by": r.by,
                "why": r.why,
                "at": moment(r.at).isoformat(),
                "evidence": json.loads(r.evidence),
            }
            for r in await self.connection.execute(statement)
        ]

    async def lock_plan(self, rollout: Rollout, plan: RolloutPlan) -> None:
        """Fix what a rollout has to show. The first plan stays."""
        mine = (
            (rollouts.c.assistant == rollout.assistant)
            & (rollouts.c.id == rollout.id)
            & rollouts.c.plan.is_(None)
        )
        await self.connection.execute(
            update(rollouts).where(mine).values(plan=plan.model_dump_json())
        )

    async def assigned(self, assistant: str, rollout: str) -> list[TrialRow]:
        """Every customer's first conversation while both arms were open to them.

        In the order of their starts, without values.
        """
        c = conversations.c
        statement = first_conversations(c, assistant, rollout)
        found: dict[str, TrialRow] = {}
        for row in await self.connection.execute(statement.order_by(c.started_at, c.id)):
            if row.customer not in found:
                found[row.customer] = TrialRow(
                    customer=row.customer,
                    conversation=row.id,
                    arm=row.arm,
                    share=row.share,
                    started_at=moment(row.started_at),
                    is_returning=row.first_at < row.started_at,
                    is_verified=row.is_verified,
                    network=row.network,
                    values={},
                )
        return list(found.values())

    async def requests(self, assistant: str, rollout: str) -> list[tuple[Arm, float, bool]]:
        """(arm, share, failed) of every request of a rollout, in order.

        For a conversation that did not come through the gateway: whether the candidate failed in
        it, at its last message.
        """
        statement = requests_statement(assistant, rollout)
        return [
            (arm, share, bool(bad)) for arm, share, bad in await self.connection.execute(statement)
        ]

    async def entered(self, assistant: str, rollout: str) -> list[TrialRow]:
        """The counted rows, in the order of their entry.

        A row is never changed and never removed.
        """
        r = rollout_rows.c
        statement = (
            select(rollout_rows)
            .where(r.assistant == assistant, r.rollout == rollout)
            .order_by(r.number)
        )
        return [
            TrialRow(
                customer=row.customer,
                conversation=row.conversation,
                arm=row.arm,
                share=row.share,
                started_at=moment(row.started_at),
                is_returning=row.is_returning,
                is_verified=row.is_verified,
                network=row.network,
                foreseen=tuple(json.loads(row.foreseen)),
                values=json.loads(row._mapping["values"]),  # a row has a method of that name
            )
            for row in await self.connection.execute(statement)
        ]

    async def enter(
        self, assistant: str, rollout: str, rows: Sequence[TrialRow], now: datetime
    ) -> None:
        """Count customers. Rows already counted do not change."""
        after = select(func.coalesce(func.max(rollout_rows.c.number), -1) + 1).where(
            rollout_rows.c.assistant == assistant, rollout_rows.c.rollout == rollout
        )
        number = (await self.connection.execute(after)).scalar_one()
        values = counted_rows(rows, assistant, rollout, number, now)
        await self._add(rollout_rows, values)

    async def conversion_delays(
        self, assistant: str, since: datetime, until: datetime
    ) -> list[float]:
        """Hours from start to first conversion (`booked=true`).

        Of production's conversations in [since, until).
        """
        c = conversations.c
        o = outcomes.c
        statement = delays_statement(c, o, assistant, since, until)
        return [
            (landed - began) / MICROS_PER_HOUR
            for began, landed in await self.connection.execute(statement)
        ]

    async def failing_share(self, assistant: str, since: datetime, until: datetime) -> float | None:
        """Share of production's requests in [since, until) that failed; None without any."""
        r = requests.c
        mine = (
            (r.assistant == assistant)
            & (r.at >= micros(since))
            & (r.at < micros(until))
            & answered_by_production(requests)
        )
        asked, failed = (
            await self.connection.execute(
                select(func.count(), func.count().filter(r.failed)).where(mine)
            )
        ).one()
        return failed / asked if asked else None

    async def _audit(
        self,
        rollout: Rollout,
        before: str,
        by: str,
        why: str,
        evidence: Json,
        at: datetime | None = None,
    ) -> None:
        row = {
            "assistant": rollout.assistant,
            "rollout": rollout.id,
            "version": rollout.version,
            "before": before,
            "after": rollout.state,
            "by": by,
            "why": why,
        }
        await self.connection.execute(
            rollout_audit.insert(),
            row | {"evidence": dumps(evidence), "at": micros(at or rollout.changed_at)},
        )


def _rollout(row: object) -> Rollout:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # SQLAlchemy's documented way to a row as a mapping
    plan = RolloutPlan.model_validate_json(values["plan"]) if values["plan"] else None
    return Rollout(
        **values
        | {name: moment(values[name]) for name in ("mirror_until", "began_at", "changed_at")}
        | {"plan": plan}
    )
