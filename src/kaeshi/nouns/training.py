"""A fine-tuning job, its price and its progress."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from kaeshi.nouns.value import Json, Value

RunState = Literal["intent", "created", "running", "succeeded", "failed", "cancelled", "unknown"]
TrainingMethod = Literal["supervised", "dpo"]


class Estimate(Value):
    """The price of a training run. Tokens are those of one epoch."""

    model: str
    tokens: int
    epochs: int
    estimated_cost_usd: Decimal
    price_per_million_usd: Decimal
    source: str


class TrainingEvent(Value):
    """A provider's event about a job.

    `figures` hold losses and accuracies by OpenAI's names, where the provider gives them.
    """

    id: str
    at: datetime
    message: str
    figures: Json = {}


class TrainingRun(Value):
    """One fine-tuning job, from intent to model.

    `key` is derived from the content: the same work is never paid twice. `asks`, `asked_at`: how
    often the provider was asked to create the job, and when last; raised before the call, so that a
    crash is visible. `reserved_usd` is what it may cost, `booked_usd` what it did; together they
    are the ledger.
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
        """The seed that the provider receives and lists even where it drops metadata.

        The run is recognised by it.
        """
        return int(self.key[:7], 16)


class JobRequest(Value):
    """A request for one fine-tuning job.

    `key` and `seed` find it again when the answer was lost.
    """

    training_file: str
    model: str
    suffix: str
    epochs: int
    method: TrainingMethod = "supervised"
    validation_file: str | None = None
    key: str
    seed: int
    dataset_sha256: str
