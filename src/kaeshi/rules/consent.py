"""Which statement of consent stands.

The latest does, with one exception: a withdrawal is undone only by the customer's own later
request, or by a person. No log does: its consent may be a constant that an export writes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Consent, ConsentStatement, Value

# the customer's own word, or what a person enters for one customer
OWN_WORD = frozenset({"request", "person"})
Effect = Literal["taken", "repeated", "withdrawn"]


def standing(history: Sequence[ConsentStatement]) -> Consent:
    """The consent that stands after these statements; none without any."""
    return history[-1].consent if history else "none"


def effect(history: Sequence[ConsentStatement], said: ConsentStatement) -> Effect:
    """What a statement changes: it is taken, it repeats, or a withdrawal stands against it.

    `history`: the statements that were taken, in order. The first is taken even where it says none,
    so that the same log imported again is not a withdrawal of what was granted in between.
    """
    if said.how == "unstated" or _is_repeated(history, said):
        return "repeated"
    if not history:
        return "taken"
    if said.consent == standing(history):
        return "repeated"
    if said.consent != "none" and is_withdrawn(history) and not _is_later(said, history[-1]):
        return "withdrawn"
    return "taken"


def is_withdrawn(history: Sequence[ConsentStatement]) -> bool:
    """Whether the customer or a person said none, or consent stood once and does not any more."""
    if standing(history) != "none" or not history:
        return False
    return history[-1].how in OWN_WORD or any(each.consent != "none" for each in history)


def _is_repeated(history: Sequence[ConsentStatement], said: ConsentStatement) -> bool:
    """Whether it is a field of a log that was imported before."""
    return said.how == "record" and any(
        each.how == "record" and each.consent == said.consent and each.said_at == said.said_at
        for each in history
    )


def _is_later(said: ConsentStatement, withdrawal: ConsentStatement) -> bool:
    if said.said_at is None or said.how not in OWN_WORD:
        return False
    return withdrawal.said_at is None or said.said_at > withdrawal.said_at


class _Body(Value):
    consent: Consent
    by: str = Field(min_length=1, max_length=200)
    text: str = Field(default="", max_length=1000)
    of_customers: bool = False


def parse(body: Mapping[str, object]) -> dict[str, Any]:
    """A person's statement in a request: consent, by, text, of_customers. Raises InvalidInput."""
    try:
        return _Body.model_validate(body).model_dump()
    except ValidationError as error:
        faults = (f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        msg = (
            f"{'; '.join(faults)}; send consent (granted, legitimate_interest or none) and by "
            "(who enters it), and text and of_customers if you like"
        )
        raise InvalidInput(msg) from error
