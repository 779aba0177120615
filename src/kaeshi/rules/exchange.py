"""Whether a request through the gateway continues the conversation it names, or forks.

A conversation is recognised by the digest of everything that was said up to a reply. The store
keeps one place for each digest.
"""

from dataclasses import dataclass
from typing import NamedTuple

from kaeshi.nouns import Exchange
from kaeshi.rules.wire import replied

SEVERAL = ""  # stands for a digest that several conversations share


class Place(NamedTuple):
    """A conversation, and how many of its messages a digest covers."""

    conversation: str
    position: int


class Head(NamedTuple):
    """The stored state of a conversation: its customer's pseudonym and its length in messages."""

    customer: str
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """Where an exchange is stored: the conversation, the first position, the new messages."""

    conversation: str
    position: int
    new_from: int
    is_fork: bool


def course(exchange: Exchange, customer: str, head: Head | None, prior: Place | None) -> Course:
    """Continue the conversation, or fork into one named after both.

    `head`: the stored state of the named conversation. `prior`: the place of the messages up to the
    last reply. A request forks when an earlier message was edited, when an answer is asked for
    again, and when another customer uses the conversation's id.
    """
    name = exchange.conversation
    if head is None or head.length == 0:
        return Course(conversation=name, position=0, new_from=0, is_fork=False)
    if head.customer == customer and prior == Place(name, head.length):
        new_from = replied(exchange.messages)
        return Course(conversation=name, position=head.length, new_from=new_from, is_fork=False)
    fork = f"{name[:120]}~{exchange.id}"
    return Course(conversation=fork, position=0, new_from=0, is_fork=True)


def recognised(course: Course, position: int, known: Place | None) -> Place | None:
    """The place that this exchange's digest stands for from now on; None if unchanged.

    A digest that a second conversation reaches stands for neither. A fork never takes the place of
    the conversation it left.
    """
    if known is None:
        return Place(course.conversation, position)
    if course.is_fork:
        return None
    same = known.conversation == course.conversation
    return Place(course.conversation if same else SEVERAL, position)
