"""Whether a request through the gateway continues the conversation it names, or forks.

A conversation is recognised by the digest of everything that was said up to a reply. The store
keeps one place for each digest.
"""

from dataclasses import dataclass
from typing import NamedTuple

from kaeshi.nouns import Exchange, Json
from kaeshi.rules.threads import root
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


def continued(exchange: Exchange, prior: Place | None) -> str:
    """The conversation that a request continues if it does not fork: a fork goes on as itself."""
    if prior is not None and root(prior.conversation) == root(exchange.conversation):
        return prior.conversation
    return exchange.conversation


def course(
    exchange: Exchange,
    customer: str,
    head: Head | None,
    prior: Place | None,
    *,
    is_window: bool = False,
    covered: int | None = None,
) -> Course:
    """Continue the conversation, or fork into one named after both.

    `head`: the stored state of the named conversation. `prior`: the place that the request's
    history stands for; `is_window`: by the end of the conversation only; `covered`: by so many of
    its messages, None for those up to the last reply. A request forks when an
    earlier message was edited, when an answer is asked for again, and when another customer uses
    the conversation's id. A history that is shorter than the conversation and ends as it does is a
    window on it.
    """
    name = continued(exchange, prior)
    if head is None or head.length == 0:
        return Course(conversation=name, position=0, new_from=0, is_fork=False)
    replies = replied(exchange.messages)
    continues = prior == Place(name, head.length) and (not is_window or replies < head.length)
    if exchange.is_delta and not exchange.refers:
        continues = True  # the provider's own conversation, which takes whatever comes next
    if head.customer == customer and continues:
        start = replies if covered is None else covered
        return Course(conversation=name, position=head.length, new_from=start, is_fork=False)
    fork = f"{root(name)}~{exchange.id}"
    return Course(conversation=fork, position=0, new_from=0, is_fork=True)


def as_context(message: Json) -> Json:
    """A message that a client sent, as it is stored.

    Anyone can write an assistant's message into a history. Only replies that left through the
    gateway, or that an operator imported, are learned: these have weight 0, as training files mark
    what is read and not learned.
    """
    return {**message, "weight": 0} if message["role"] == "assistant" else message


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
