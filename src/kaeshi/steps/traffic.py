"""Whether customers are recognised well enough to draw a share of them."""

from datetime import datetime, timedelta

from kaeshi.errors import Refused
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.steps.trial import HISTORY

ENOUGH = 200  # fewest conversations at which the largest customer's share is checked
RECENT = timedelta(days=7)
ENOUGH_UNKNOWN = 5  # fewest requests of unknown customers that refuse a rollout
MOST_UNKNOWN_PERCENT = 5.0


async def check_customers(loop: Loop, now: datetime) -> None:
    """Raise Refused where customers are not named or recognised well enough for a rollout."""
    async with loop.store.read() as tx:
        most, total = await tx.rollouts.largest_customer(loop.assistant, now - HISTORY)
        seen = await tx.exchanges.recognised(loop.assistant, now - RECENT)
    _check_recognised(seen)
    _check_largest(loop, most, total)


def _check_recognised(seen: Json) -> None:
    unknown = seen["unknown_customers"]
    if unknown >= ENOUGH_UNKNOWN and unknown * 100 > MOST_UNKNOWN_PERCENT * seen["requests"]:
        msg = (
            f"{unknown} of the {seen['requests']} requests of the last week continue conversations "
            f"that are not recognised, more than {MOST_UNKNOWN_PERCENT:g} %: their customers would "
            "change arms between turns. Send customer or conversation ids (X-Kaeshi-Customer, "
            "user, X-Kaeshi-Conversation)"
        )
        raise Refused(msg)


def _check_largest(loop: Loop, most: int, total: int) -> None:
    percent = loop.settings.rollout_largest_customer_percent
    if total >= ENOUGH and most * 100 > percent * total:
        msg = (
            f"one customer has {most} of the {total} conversations of the last weeks, more than "
            f"{percent:g} %: a share of customers cannot be drawn from so few. Send customer ids "
            "(X-Kaeshi-Customer, user), or raise ROLLOUT_LARGEST_CUSTOMER_PERCENT"
        )
        raise Refused(msg)
