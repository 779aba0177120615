"""A conversation, its turns, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from kaeshi.nouns.assignment import Arm
from kaeshi.nouns.consent import Consent, ConsentSource, ConsentStatement
from kaeshi.nouns.value import Json, Value

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
# the responder's answer when it is uncertain, and the gateway's when an answer must not be served;
# it is never learned
HAND_OVER = "Let me bring in a colleague who can help you with that."
# the outcome that records that production answered because the candidate failed
CANDIDATE_FAILED = "candidate_failed"


@dataclass(
    frozen=True, kw_only=True, slots=True
)  # logs have very many, and a pydantic model takes ten times as long to create
class Turn:
    """One message: OpenAI's JSON verbatim in `message`, our own fields beside it."""

    id: str
    message: Json
    at: datetime
    confidence: float | None = None
    model: str | None = None
    latency_ms: float | None = None
    cost_usd: Decimal | None = None
    act: str | None = None

    @property
    def role(self) -> str:
        """The speaker's role, as in OpenAI's format."""
        return str(self.message["role"])

    @property
    def text(self) -> str:
        """The text that a person would read.

        The string content, or the text parts joined by newlines.
        """
        return text_of(self.message)


class Outcome(Value):
    """One reported fact about a conversation. Reports are append-only; the latest `at` counts."""

    name: str
    value: bool | int | float | str
    at: datetime
    source: str = "log"


class Conversation(Value):
    """A dialogue with one customer.

    `customer` is the caller's own id, stored only as a keyed hash. `is_verified`: the operator says
    who the customer is, by a log or a signed token. `network`: a keyed digest of where it came
    from.
    """

    id: str
    assistant: str
    customer: str
    started_at: datetime
    turns: tuple[Turn, ...]
    consent: Consent = "none"
    consent_from: ConsentSource = "unstated"
    consent_text: str = ""
    source: str = ""
    domains: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    experiment: str | None = None
    arm: Arm | None = None
    share: float | None = None  # of the candidate, when the arm was chosen
    context: Json = {}  # what its requests offered beside the messages, such as tools; scrubbed
    closed: bool = False
    is_verified: bool = True
    network: str = ""
    clocked: bool = True  # the times are real, so that response times can be computed

    @property
    def consent_said(self) -> ConsentStatement:
        """The statement of consent that came with it.

        A log's is as old as its latest message, where that has a time.
        """
        is_dated = self.consent_from == "request" or (
            self.consent_from == "record" and self.clocked
        )
        return ConsentStatement(
            consent=self.consent,
            how=self.consent_from,
            said_at=self.last_at if is_dated else None,
            text=self.consent_text,
        )

    @property
    def last_at(self) -> datetime:
        """When its latest message was written."""
        return max(turn.at for turn in self.turns)


def text_of(message: Json) -> str:
    """The readable text of an OpenAI message."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return ""
