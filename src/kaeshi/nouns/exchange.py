"""One request through the gateway, and a mirrored answer to it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from kaeshi.nouns.assignment import Assignment
from kaeshi.nouns.consent import Consent, ConsentSource
from kaeshi.nouns.value import Json, Value


@dataclass(frozen=True, kw_only=True, slots=True)  # the gateway makes one per request
class Exchange:
    """One request through the gateway, with its response.

    `id` is the id of the reply's message; `reply` is None when there was no answer. `messages`: the
    conversation as the client sent it. `scope` separates equal conversations: the conversation's id
    where the caller named one, else the customer's, else empty. `failed`: the assigned arm did not
    answer, `failure` says why. `status`: HTTP, as the client saw it. Unknown values are None.

    `refers`: ids of answers that the request continues; `gave`: ids in the answer by which it may
    be continued; `others`: further choices, any of which may be continued; `answer_id`: the
    answer's own. `is_delta`: the provider keeps the history, and `messages` are new ones only.
    `is_turn`: of a conversation; a chat UI's request for a title, and one for a model by its own
    name, are not. `is_unknown`: it has a history, and neither customer nor conversation are named
    or recognised. `unread`: the dialect of an answer that could not be read. `context`: what the
    request offers beside its messages, such as tools. `is_estimated`: tokens were counted here,
    because the provider did not send them. `is_verified`: a signed token named the customer.
    `network`: a keyed digest of the network that it came from.
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
    consent_from: ConsentSource = "unstated"
    consent_text: str = ""
    assignment: Assignment | None = None
    epoch: int = 0  # version of the rollout that the routing was read from
    failed: bool = False
    failure: str = ""
    model: str | None = None  # the model that answered
    confidence: float | None = None
    finish_reason: str | None = None
    streamed: bool = False
    latency_ms: float | None = None
    first_token_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: Decimal | None = None
    refers: tuple[str, ...] = ()
    gave: tuple[str, ...] = ()
    others: tuple[Json, ...] = ()
    answer_id: str | None = None
    is_delta: bool = False
    is_turn: bool = True
    is_unknown: bool = False
    is_verified: bool = False
    network: str = ""
    unread: str | None = None
    is_estimated: bool = False
    context: Json = field(default_factory=dict)


Preferred = Literal["candidate", "production", "tie"]


class Mirrored(Value):
    """A candidate's answer to a turn that production answered; it was not served.

    `broken`: policy checks that it breaks and production's answer does not. `same`: both answers
    are equal. `failure`: why there is no answer. `preferred`: the arm that the judge preferred;
    None without a judge. `dropped`: the candidate was not asked, because the mirror was behind or
    over its budget.
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
    failure: str = ""
