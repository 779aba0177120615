"""A signed link for a person without a key: it shows one item of the review, and nothing else."""

import base64
import hmac
import json
from datetime import timedelta
from typing import NamedTuple

from kaeshi.errors import InvalidInput, Refused
from kaeshi.loop import Loop
from kaeshi.nouns import ReviewItem, ReviewState
from kaeshi.steps import review

LONGEST = timedelta(days=30)
PATH = "/ask/"


class Link(NamedTuple):
    """What a link says: which item, until when (seconds since 1970), and whom it is for."""

    ref: str
    until: int
    to: str


async def link(loop: Loop, ref: str, *, to: str, days: float = 7) -> str:
    """The path of a page on which `to` may decide about one waiting item.

    Raises NotFound for an item that does not wait, InvalidInput for a name or time that cannot be.
    """
    _check(to, days)
    await review.exact_item(loop, ref)
    until = int((loop.clock.now() + timedelta(days=days)).timestamp())
    said = base64.urlsafe_b64encode(json.dumps([ref, until, to]).encode()).decode().rstrip("=")
    return f"{PATH}{said}.{_signature(loop, said)}"


def _check(to: str, days: float) -> None:
    if not to.strip() or len(to) > 200 or not to.isprintable():
        msg = f"an expert needs a name of at most 200 printable characters, not {to[:40]!r}"
        raise InvalidInput(msg)
    if not 0 < days <= LONGEST.days:
        msg = f"a link holds for up to {LONGEST.days} days, not {days:g}"
        raise InvalidInput(msg)


def _signature(loop: Loop, said: str) -> str:
    return loop.store.keyring.signature(f"ask {loop.assistant} {said}")


def checked(loop: Loop, token: str) -> Link:
    """What a signed token says. Raises Refused for a forged one, and for one that has expired."""
    said, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(loop, said).encode()):
        raise _refused()
    link = Link(*json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))))
    if loop.clock.now().timestamp() > link.until:
        raise _refused()
    return link


def _refused() -> Refused:
    return Refused("this link is not valid or has expired; ask for a new one")


async def shown(loop: Loop, token: str) -> tuple[Link, ReviewItem]:
    """The item, scrubbed. Raises Refused for another link, NotFound once it is decided."""
    link = checked(loop, token)
    return link, await review.exact_item(loop, link.ref)


async def decide(loop: Loop, token: str, state: ReviewState, answer: str | None) -> None:
    """Decide in the name of the person whom the link is for. Raises Refused, NotFound."""
    link, _ = await shown(loop, token)
    await review.decide(loop, link.ref, state, by=link.to, note="by link", answer=answer)
