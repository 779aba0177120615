"""One request through the gateway, and a mirrored answer to it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from kaeshi.nouns.assignment import Assignment
from kaeshi.nouns.conversation import Consent
from kaeshi.nouns.value import Json, Value


@dataclass(frozen=True, kw_only=True, slots=True)  # the gateway makes one per request
class Exchange:
    """One request through the gateway, with its response.

    `id` is the id of the reply's message; `reply` is None when there was no answer. `messages`: the
    conversation as the client sent it. `scope` separates equal conversations: the conversation's id
    where the caller named one, else the customer's, else empty. `failed`: the assigned arm did not
    answer. `status`: HTTP, as the client saw it. Unknown values are None.
    """

    id: str
    assistant: str
    conversation: str
    customer: str
    at: datetime
    messages: tuple[Json, ...]
    reply: Json | None
    status: int
    scope: str
    consent: Consent = "none"
    assignment: Assignment | None = None
    epoch: int = 0  # version of the rollout that the routing was read from
    failed: bool = False
    model: str | None = None  # the model that answered
    confidence: float | None = None
    finish_reason: str | None = None
    streamed: bool = False
    latency_ms: float | None = None
    first_token_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: Decimal | None = None


Preferred = Literal["candidate", "production", "tie"]


class Mirrored(Value):
    """A candidate's answer to a turn that production answered; it was not served.

    `broken`: policy checks that it breaks and production's answer does not. `same`: both answers
    are equal. `preferred`: the arm that the judge preferred; None without a judge. `dropped`: the
    candidate was not asked, because the mirror was behind or over its budget.
    """

    request: str
    experiment: str
    state: Literal["answered", "failed", "dropped"]
    at: datetime
    same: bool | None = None
    broken: tuple[str, ...] = ()
    preferred: Preferred | None = None
    latency_ms: float | None = None
    production_ms: float | None = None
    cost_usd: Decimal | None = None
