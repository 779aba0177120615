"""Examples beside each other, the votes on them, and what these votes amount to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, select, update

from kaeshi.nouns import Opinion
from kaeshi.rules.trust import FORGOTTEN
from kaeshi.store.conversations import GATEWAY
from kaeshi.store.feedback_rows import Stored, opinion_from
from kaeshi.store.keys import OWN_NETWORK
from kaeshi.store.tables import (
    conversations,
    examples,
    feedback_current,
    messages,
    weighings,
)
from kaeshi.store.verbs import Verbs, among, micros, moment

_e = examples.c
_c = conversations.c
_m = messages.c
_f = feedback_current.c
CUSTOMER = "customer"  # the author under whom customers rate with a token


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A stored example, kept or dropped for what was said of it. `body`: its scrubbed messages."""

    id: str
    conversation: str
    is_kept: bool
    reason: str
    body: str
    is_logged: bool  # by an operator, not through the gateway
    is_decided: bool  # by a person
    is_weighed: bool
    was_held: bool
    bound: float
    judged_at: int


class Given(NamedTuple):
    """What one person now says about an answer, and where the conversation came from.

    `customer`: a pseudonym; of the conversation's customer, or of another author.
    """

    conversation: str
    customer: str
    opinion: Opinion
    at: datetime
    network: str
    is_vouched: bool


class Weight(NamedTuple):
    """What the votes on an example amount to, and what else is known of it, as JSON.

    `held`: why a person must look; `reason`: why it is dropped; empty without.
    """

    example: str
    known: str
    probability: float
    bound: float
    held: str
    reason: str
    judged_at: int
    is_decided: bool


_COMPARED = (
    select(
        _e.id,
        _e.conversation,
        _e.kept,
        _e.reason,
        _e.messages,
        _e.is_logged,
        _e.review,
        _e.probability,
        _e.held,
        _e.bound,
        _e.judged_at,
    )
    .where(_e.assistant == bindparam("assistant"), _e.messages.is_not(None))
    .order_by(_e.conversation)
)
_UNWEIGHED = select(func.count()).where(
    _e.assistant == bindparam("assistant"), _e.messages.is_not(None), _e.probability.is_(None)
)
_VOTES = (
    select(
        _m.conversation,
        _f.message,
        _f.author,
        _f.metric,
        _f.value,
        _f.submission,
        _f.at,
        _c.customer,
        _c.network,
        _c.source,
        _c.is_verified,
    )
    .join_from(messages, feedback_current, (_f.assistant == _m.assistant) & (_f.message == _m.id))
    .join(conversations, (_c.assistant == _m.assistant) & (_c.id == _m.conversation))
    .where(_m.assistant == bindparam("assistant"), among(_m.conversation, "ids"))
    .order_by(_m.position, _f.author, _f.metric)
)
_WEIGHED = (
    update(examples)
    .where(
        _e.assistant == bindparam("a"),
        _e.id == bindparam("e"),
        # neither judged again nor decided about since it was read
        _e.judged_at == bindparam("j"),
        (_e.review != "proposed") == bindparam("d"),
        _e.messages.is_not(None),
    )
    .values(
        probability=bindparam("p"),
        # what was known when a person decided stays
        known=case((_e.review == "proposed", bindparam("n")), else_=_e.known),
        bound=bindparam("b"),
        held=bindparam("h"),
        kept=bindparam("k"),
        reason=bindparam("r"),
    )
)
_REVIEWED = (
    select(_e.known, _e.review)
    .where(_e.assistant == bindparam("assistant"), _e.review != "proposed", _e.known != "")
    .order_by(_e.reviewed_at, _e.id)
)
_FORGOTTEN = (
    (update(conversations), _c.started_at, _c.network, _c.assistant),
    (update(examples), _e.started_at, _e.network, _e.assistant),
)


class WeightVerbs(Verbs):
    """Votes, and their weights."""

    async def count_unweighed(self, assistant: str) -> int:
        """How many stored examples were never weighed, or changed since."""
        rows = await self._rows(_UNWEIGHED, assistant=assistant)
        return int(rows[0][0])

    async def compared(self, assistant: str) -> list[Compared]:
        """Every example with a text, by conversation."""
        return [_compared(row) for row in await self._rows(_COMPARED, assistant=assistant)]

    async def votes(self, assistant: str, conversations: Sequence[str]) -> list[Given]:
        """All current votes on the answers of these conversations."""
        own = {"", self.keyring.pseudonym(assistant, CUSTOMER, "a")}
        said: dict[tuple[str, str], dict[str, Stored]] = {}
        rest: dict[tuple[str, str], dict[str, Any]] = {}
        for row in await self._rows(_VOTES, assistant=assistant, ids=list(conversations)):
            conversation, message, author, metric, *value = row[:7]
            said.setdefault((message, author), {})[metric] = Stored(*value)
            rest[message, author] = _source(conversation, author, author in own, row[7:])
        return [_given(key, values, rest[key]) for key, values in said.items()]

    async def reviewed(self, assistant: str) -> list[tuple[str, bool]]:
        """What was known of each example that a person decided about, and whether it was right.

        The earliest decision first. A corrected answer was wrong.
        """
        rows = await self._rows(_REVIEWED, assistant=assistant)
        return [(known, state == "approved") for known, state in rows]

    async def put_weights(self, assistant: str, weights: Iterable[Weight]) -> None:
        """Store what votes amount to."""
        await self._each(
            _WEIGHED,
            [
                {
                    "a": assistant,
                    "e": w.example,
                    "p": w.probability,
                    "n": w.known,
                    "j": w.judged_at,
                    "d": w.is_decided,
                    "b": w.bound,
                    "h": w.held,
                    "k": not w.reason,
                    "r": w.reason,
                }
                for w in weights
            ],
        )

    async def forget_networks(self, assistant: str, before: datetime) -> None:
        """Delete the networks of conversations that began earlier; that there was one stays."""
        for statement, started_at, network, owner in _FORGOTTEN:
            await self.connection.execute(
                statement.where(
                    owner == assistant,
                    started_at < micros(before),
                    network.not_in(("", FORGOTTEN)),
                ).values(network=FORGOTTEN)
            )

    async def begin_again(self, assistant: str, fingerprint: str) -> None:
        """Have everything weighed again where it was last weighed by something else.

        `fingerprint`: of the settings, the model and the approved entries.
        """
        last = select(weighings.c.fingerprint).where(weighings.c.assistant == assistant)
        if (await self.connection.execute(last)).scalar() == fingerprint:
            return
        await self.connection.execute(
            update(examples).where(_e.assistant == assistant).values(probability=None)
        )
        await self._put(weighings, [{"assistant": assistant, "fingerprint": fingerprint}])


def _compared(row: Sequence[Any]) -> Compared:
    identifier, conversation, kept, reason, body, is_logged, review, probability, held, *rest = row
    return Compared(
        id=identifier,
        conversation=conversation,
        is_kept=bool(kept),
        reason=reason,
        body=body,
        is_logged=bool(is_logged),
        is_decided=review != "proposed",
        is_weighed=probability is not None,
        was_held=bool(held),
        bound=rest[0] or 0.0,
        judged_at=rest[1],
    )


def _given(key: tuple[str, str], values: Mapping[str, Stored], source: dict[str, Any]) -> Given:
    return Given(
        **source,
        opinion=opinion_from(*key, values),
        at=moment(max(each.at for each in values.values())),
    )


def _source(conversation: str, author: str, is_own: bool, row: Sequence[Any]) -> dict[str, Any]:
    """Whose vote it is. `is_own`: of the conversation's customer, and not of another author."""
    customer, network, source, is_verified = row
    return {
        "conversation": conversation,
        "customer": customer if is_own else author,
        "network": "" if network.startswith(f"{OWN_NETWORK}_") else network,
        # an author's name is whatever the caller wrote
        "is_vouched": source != GATEWAY or (is_own and bool(is_verified)),
    }
