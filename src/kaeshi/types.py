"""The nouns. Frozen values that go from store to rule to step to JSON unchanged.

They check nothing about the world: bytes are parsed where they enter (rules/conversation.py, settings.py, the web door).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]
Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
Consent = Literal["granted", "legitimate_interest", "none"]
Metric = Literal["vote", "rating", "helpful", "accurate", "comment", "correction"]
Arm = Literal["production", "candidate"]
ReviewState = Literal["proposed", "approved", "corrected", "rejected"]
RunState = Literal["intent", "created", "running", "succeeded", "failed", "cancelled", "unknown"]
TrainingMethod = Literal["supervised", "dpo"]
RolloutState = Literal["gate", "mirror", "canary", "half", "full", "rolled_back"]
Verdict = Literal["hold", "advance", "roll_back"]

# what stands for personal data: a numbered placeholder [PERSON_1], or a keyed pseudonym [PERSON_x0123456789ab]
PLACEHOLDER = re.compile(r"\[([A-Z]{2,15}(?:_[A-Z]{2,15}){0,2})_([1-9]\d{0,5}|x[0-9a-f]{12})\]")
# what the responder says instead of a doubtful answer, and the gateway instead of one that must not be served; nothing to learn from
HAND_OVER = "Let me bring in a colleague who can help you with that."

# outcome of a conversation in which the candidate failed and production answered instead
CANDIDATE_FAILED = "candidate_failed"


class Value(BaseModel):
    """Frozen, keyword-only, no surprises: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")


class Assistant(Value):
    """The unit of isolation: its id is in every key, path and salt."""

    id: str


@dataclass(
    frozen=True, kw_only=True, slots=True
)  # logs have very many, and a model costs ten times as much to make
class Turn:
    """One message: OpenAI's message JSON verbatim in `message`, our own fields beside it."""

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
        """Who speaks, in OpenAI's words."""
        return str(self.message["role"])

    @property
    def text(self) -> str:
        """The words a person would read: the string content, or the text parts joined by newlines."""
        return text_of(self.message)


class Outcome(Value):
    """One reported fact about a conversation. The log only grows; the latest `at` counts."""

    name: str
    value: bool | int | float | str
    at: datetime
    source: str = "log"


class Conversation(Value):
    """A whole dialogue with one customer. `customer` is the caller's own id, stored only as a keyed hash."""

    id: str
    assistant: str
    customer: str
    started_at: datetime
    turns: tuple[Turn, ...]
    consent: Consent = "none"
    source: str = ""
    domains: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    experiment: str | None = None
    arm: Arm | None = None
    share: float | None = None  # of the candidate, when the arm was chosen
    closed: bool = False
    clocked: bool = True  # the times are real, so that response times mean something

    @property
    def last_at(self) -> datetime:
        """When its latest message was written."""
        return max(turn.at for turn in self.turns)


class Assignment(Value):
    """Which arm a customer's conversations go to while an experiment runs. `share` is the candidate's, 0 to 1."""

    experiment: str
    arm: Arm
    share: float


@dataclass(frozen=True, kw_only=True, slots=True)  # the gateway makes one per request
class Exchange:
    """One request through the gateway and what came of it. `id` is that of the reply's message; `reply` is None where nobody answered.

    `messages`: the conversation as the client sent it. `scope`: whose words they are told apart by: the conversation's where the caller named
    it, else the customer's, else nobody's. `failed`: the arm that was assigned did not answer. `status`: HTTP's, as the client saw it.
    What was not told is None.
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
    epoch: int = 0  # of the routing: the version of the rollout that it came from
    failed: bool = False
    model: str | None = None  # that really answered
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
    """A candidate's answer to a turn that production answered; nobody saw it. `broken`: policy checks that it breaks and production's does not.

    `same`: it said the same. `preferred`: whose answer a judge found better; None where none was asked. `dropped` was never asked: the mirror was behind, or had spent its budget.
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


class Feedback(Value):
    """What one person said about one message in one go; a field left out was not said."""

    message_id: str
    author: str = ""
    vote: Literal["up", "down"] | None = None
    rating: int | None = None
    helpful: bool | None = None
    accurate: bool | None = None
    comment: str | None = None
    correction: str | None = None
    at: datetime | None = None


class Quality(Value):
    """The seed's score, in integer tenths 0 to 10, and whether it was cut down by a thumbs-down or a low rating."""

    tenths: int
    capped: bool = False


class Signals(Value):
    """All current feedback on one conversation, folded together. None: nobody said."""

    quality_tenths: int | None = None
    rating: float | None = None
    thumbs_up: int = 0
    thumbs_down: int = 0
    confidence: float | None = None
    corrected: bool = False


class Filters(Value):
    """What a conversation must be to become an Example. A filter applies where its value exists."""

    min_quality_tenths: int | None = 8
    min_confidence: float | None = 0.8
    min_rating: float | None = 4
    require_positive_feedback: bool = False
    drop_failed: bool = True
    missing_quality: Literal["keep", "drop"] = "drop"
    missing_rating: Literal["keep", "drop"] = "keep"
    missing_confidence: Literal["keep", "drop"] = "keep"


class Keep(Value):
    """This conversation may be learned from, up to and including the turn at `upto`."""

    upto: int


class Drop(Value):
    """This one may not, and why, in one word that is counted."""

    reason: str


class Finding(Value):
    """A piece of personal data: where (characters, end exclusive), what, how sure, found by which recogniser."""

    start: int
    end: int
    type: str
    score: float
    recogniser: str


Original = tuple[int, int, str, str]  # (start, end, type, what stood there), in the scrubbed text


class Scrubbed(Value):
    """Texts with personal data replaced. `found` is type -> values in order of first sight; `counts` type -> spans.

    `recognised` counts by "TYPE recogniser". `originals`: for each text (start, end, type, what stood there) in the scrubbed text; with it
    the texts can be had back exactly, so it is kept as secret as they were.
    """

    texts: tuple[str, ...]
    found: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    recognised: Mapping[str, int] = {}
    originals: tuple[tuple[Original, ...], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)  # a dataset holds very many
class Example:
    """A scrubbed conversation that may be trained on. Its messages are kept as JSON text."""

    id: str
    conversation: str
    body: str
    intent: str
    started_at: datetime
    signals: Signals
    consent: Consent
    scrubber: str
    pii: Mapping[str, int] = field(default_factory=dict)

    @property
    def messages(self) -> list[Json]:
        """OpenAI's messages, scrubbed."""
        return list(json.loads(self.body))


class Dataset(Value):
    """Training rows as the lines of their file, and the manifest that proves what they are."""

    id: str
    assistant: str
    lines: tuple[bytes, ...] = ()
    splits: tuple[Literal["train", "validation"], ...] = ()
    examples: tuple[str, ...] = ()
    manifest: Json
    path: str = ""

    @property
    def rows(self) -> list[Json]:
        """The lines, read."""
        return [json.loads(line) for line in self.lines]


class Estimate(Value):
    """What a training run would cost. Tokens are those of one epoch."""

    model: str
    tokens: int
    epochs: int
    estimated_cost_usd: Decimal
    price_per_million_usd: Decimal
    source: str


class TrainingEvent(Value):
    """What a provider said of a job on its way; `figures` hold losses and accuracies by OpenAI's names, where it told them."""

    id: str
    at: datetime
    message: str
    figures: Json = {}


class TrainingRun(Value):
    """One fine-tuning job, from intent to model. `key` is derived from the content: the same work is never paid twice.

    `asks`, `asked_at`: how often the provider was asked to create it, and when last; raised before the call, so that a crash is seen.
    `reserved_usd` is what it may cost, `booked_usd` what it did; together they are the ledger.
    """

    id: str
    assistant: str
    key: str
    state: RunState
    base_model: str
    suffix: str
    epochs: int
    provider: str
    file_sha256: str
    dataset: str | None = None
    file_id: str | None = None
    method: TrainingMethod = "supervised"
    validation_file_id: str | None = None
    job_id: str | None = None
    model: str | None = None
    error: str | None = None
    attempt: int = 1
    asks: int = 0
    asked_at: datetime | None = None
    reserved_usd: Decimal = Decimal(0)
    booked_usd: Decimal | None = None
    trained_tokens: int | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def seed(self) -> int:
        """What the provider is told, and shows in its lists even where it drops metadata: the run is known by it."""
        return int(self.key[:7], 16)


class JobRequest(Value):
    """What a provider is asked to do: one fine-tuning job. `key` and `seed` find it again when the answer was lost."""

    training_file: str
    model: str
    suffix: str
    epochs: int
    method: TrainingMethod = "supervised"
    validation_file: str | None = None
    key: str
    seed: int
    dataset_sha256: str


MOST_ENTRIES = 20  # of the knowledge base, in one request


class Serving(Value):
    """How a candidate is asked, where that is more than its model's name at the provider.

    `model`: its name there. `opening`: messages put before the customer's, such as a system prompt and a few shots. `placeholders`: it was
    trained on scrubbed text, so it is asked scrubbed and its answer restored; None: whether it is a fine-tune of ours. `entries`: so many of the
    knowledge base's nearest entries are put before the customer's last message.
    """

    model: str | None = None
    base_url: str | None = None
    opening: tuple[Json, ...] = ()
    placeholders: bool | None = None
    entries: int = Field(0, ge=0, le=MOST_ENTRIES)


class Candidate(Value):
    """Anything that changes answers: a fine-tune, another base model, a prompt set, a knowledge version. `model` names it here."""

    id: str
    assistant: str
    kind: Literal["fine_tune", "base_model", "prompt", "knowledge"]
    model: str
    run: str | None = None
    serving: Serving = Serving()
    evidence: Json
    created_at: datetime

    @property
    def speaks_placeholders(self) -> bool:
        """Must it be asked scrubbed?"""
        return (
            self.kind == "fine_tune"
            if self.serving.placeholders is None
            else self.serving.placeholders
        )


class TestCase(Value):
    """A promise the assistant must keep, never trained on: a conversation so far and what the answer must be."""

    __test__ = False

    id: str
    messages: tuple[Json, ...]
    must_say: tuple[str, ...] = ()
    must_not_say: tuple[str, ...] = ()
    expected: str | None = None
    hand_over: bool | None = None
    version: int = 1


class CaseResult(Value):
    """One test case answered. `why` is empty when it passed."""

    case: str
    passed: bool
    why: str
    answer: str


class Evaluation(Value):
    """A model against every test case of an assistant."""

    id: str
    assistant: str
    model: str
    cases_sha256: str
    passed: int
    failed: int
    results: tuple[CaseResult, ...]
    at: datetime


class Answer(Value):
    """What a chat model said. `hand_over`: it would rather have a person take this one."""

    text: str
    model: str
    confidence: float | None = None
    hand_over: bool = False
    latency_ms: float | None = None
    cost_usd: Decimal | None = None
    response: Json = {}


Goal = Literal["superior", "non_inferior"]


class Foresight(Value):
    """How first messages foretell metrics: by metric a constant and a weight for each dimension of their embedding."""

    weights: dict[str, tuple[float, ...]] = {}


class RolloutPlan(Value):
    """What a rollout has to show, fixed before its first customer. Margins and effects are differences, candidate minus production."""

    goal: Goal = "superior"
    alpha: float = 0.05
    promote_alpha: float | None = None  # this try's part, where the tries of a year share a budget
    smallest_effect: float = 0.033  # on the composite: the uplift worth finding, or the loss that a non-inferior candidate may have
    weights: dict[str, float]  # of the metrics in the composite
    margins: dict[str, float]  # largest loss that is tolerated, by guardrail
    means: dict[str, float]  # of production, by metric
    rated: dict[
        str, float
    ] = {}  # share of customers in production who give stars, by metric of stars
    window_hours: float  # after which a conversation's outcomes are final
    least_hours: float  # no promotion before
    failing: float = 0.05  # share of failing requests that is tolerable
    covariates: int = 0
    foresight: Foresight = Foresight()
    horizon_hours: float | None = None  # at half and half, after which it ends without evidence
    information: dict[
        str, float
    ] = {}  # variance that the sum of U is expected to have by the horizon, by metric

    @property
    def alpha_to_promote(self) -> float:
        """Chance at most of promoting what is not better; harm is always looked for with `alpha`."""
        return self.alpha if self.promote_alpha is None else self.promote_alpha


class Rollout(Value):
    """A candidate on its way into production. `version` rises with every transition (compare-and-set)."""

    id: str
    assistant: str
    candidate: str
    state: RolloutState
    percent: float
    target_percent: float
    mirror_until: datetime
    version: int
    began_at: datetime
    changed_at: datetime
    goal: Goal = "superior"
    plan: RolloutPlan | None = None  # until the canary begins
    former: str | None = None  # candidate that it replaced in production
    paused: str | None = None  # by whom and why it goes no further; it is still rolled back


class TrialRow(Value):
    """A customer of a rollout: the first conversation while both arms could have been theirs, as it stood when its window had closed."""

    customer: str
    conversation: str
    arm: Arm
    share: float
    started_at: datetime
    is_returning: bool
    foreseen: tuple[
        float, ...
    ] = ()  # by the plan's foresight, from the first message; empty where there is none to read any more
    values: dict[str, float]


class Forecast(Value):
    """How long a rollout is likely to take at production's traffic: in every second one, each thing is shown by then."""

    customers_per_day: float
    customers_needed: dict[str, int]
    days: dict[str, float]


class Sample(Value):
    """Sums over the conversations of one arm for one metric: enough for a mean and its variance."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0


class Interval(Value):
    """An estimate with its confidence limits."""

    estimate: float
    low: float
    high: float


class MetricComparison(Value):
    """One metric in both arms. `difference` is candidate minus production; None when an arm has too little."""

    metric: str
    production: Sample
    candidate: Sample
    difference: Interval | None


class Comparison(Value):
    """Two arms side by side, the weighted composite of their metrics, and whether the candidate is better."""

    metrics: tuple[MetricComparison, ...]
    composite: Interval | None
    candidate_better: bool
    candidate_worse: bool
    switched_off: tuple[str, ...] = ()
    why: str


class Decision(Value):
    """What to do with a rollout now, and why."""

    verdict: Verdict
    why: str
    evidence: Json = {}


class ReviewItem(Value):
    """A proposal that waits for a person, oldest and most valuable first."""

    kind: Literal["example", "entry"]
    ref: str
    state: ReviewState
    title: str
    score: int
    at: datetime
    by: str | None = None


class Entry(Value):
    """A question and the answer the assistant may give to it."""

    id: str
    assistant: str
    question: str
    answer: str
    state: ReviewState
    conversation: str | None = None
    by: str | None = None
    at: datetime


class Hit(Value):
    """An entry found for a query. `score` is cosine similarity, -1 to 1."""

    entry: Entry
    score: float


class Cell(Value):
    """One figure of a report. None: unknown or suppressed, never zero. `denominator` counts non-null conversations."""

    value: float | None
    denominator: int
    suppressed: bool = False


class Line(Value):
    """One metric over two weeks. `noise` is True when the change is within what chance would do."""

    metric: str
    unit: Literal["share", "stars", "seconds", "usd", "count"]
    now: Cell
    before: Cell
    change: float | None
    noise: bool | None
    why: str


class Report(Value):
    """The last complete week against the one before. Times are UTC, `until` exclusive."""

    assistant: str
    since: datetime
    until: datetime
    conversations: int
    customers: int
    lines: tuple[Line, ...]
    daily: Mapping[str, tuple[float | None, ...]]


class Mail(Value):
    """A message to stakeholders. `key` is derived from what it reports, so the same mail is never sent twice."""

    key: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str


class Slot(Value):
    """One due time of one job, claimed by one process."""

    job: str
    slot: datetime
    state: Literal["running", "finished", "failed", "skipped"]
    owner: str
    started_at: datetime
    finished_at: datetime | None = None
    detail: str = ""
    attempts: int = 1


Watch = Callable[[], object]  # called between the pieces of long work; it raises to end it


def unwatched() -> None:
    """The watch over work that may take as long as it takes."""


def text_of(message: Json) -> str:
    """The readable words of an OpenAI message."""
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
