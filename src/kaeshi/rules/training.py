"""The cost of training, which job belongs to which run, and a run's next state."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from kaeshi.errors import NotFound, Refused
from kaeshi.nouns import Estimate, Json, RunState, TrainingMethod, TrainingRun

# OpenAI's cookbook on counting chat tokens: each message costs 3 tokens beside its text, each row 3
# more
PER_MESSAGE = 3
PER_ROW = 3
FINAL = frozenset({"succeeded", "failed", "cancelled"})
MAX_ASKS = 2  # after that only a person asks again
_STATES: dict[str, RunState] = {
    "validating_files": "created",
    "queued": "created",
    "paused": "created",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}


_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")  # the date of a snapshot: gpt-4o-mini-2024-07-18


def estimate(model: str, tokens: int, epochs: int, prices: Json) -> Estimate:
    """Tokens x epochs x price.

    Raises NotFound for a model that is not in the table.
    """
    price = price_of(model, prices)
    return Estimate(
        model=model,
        tokens=tokens,
        epochs=epochs,
        estimated_cost_usd=cost(tokens * epochs, price),
        price_per_million_usd=price,
        source=f"{prices['source']}, {prices['date']}",
    )


def price_of(model: str, prices: Json) -> Decimal:
    """Dollars per million trained tokens.

    Raises NotFound for a model that is not in the table.
    """
    listed = prices["models"].get(model) or next(
        (p for name, p in prices["models"].items() if model.startswith(name + "-")), None
    )
    if listed is None:
        msg = (
            f"model {model!r} has no training price in the table of {prices['date']}; known: "
            f"{', '.join(prices['models'])}"
        )
        raise NotFound(msg)
    return Decimal(listed["training_per_million_usd"])


def price_of_answer(
    model: str | None, prompt_tokens: int | None, completion_tokens: int | None, prices: Json
) -> Decimal | None:
    """Dollars for one answer.

    None where the table has no price for the model, or the provider reported no tokens.
    """
    if model is None or prompt_tokens is None or completion_tokens is None:
        return None
    listed = prices["models"].get(_DATED.sub("", model), {}).get("chat_per_million_usd")
    if listed is None:
        return None
    return (
        Decimal(listed["prompt"]) * prompt_tokens
        + Decimal(listed["completion"]) * completion_tokens
    ) / 1_000_000


def cost(trained_tokens: int, price_per_million: Decimal) -> Decimal:
    """Dollars for so many tokens seen in training, over all epochs."""
    return (price_per_million * trained_tokens / 1_000_000).quantize(Decimal("0.0001"))


def check_caps(
    wanted: Decimal, committed: Decimal, *, per_run: Decimal, per_month: Decimal
) -> None:
    """Raise Refused where a run would exceed the cap per run or this month's cap."""
    if wanted > per_run:
        msg = (
            f"this run may cost ${wanted}, and TRAINING_CAP_RUN_USD is ${per_run}; raise it, "
            "train fewer epochs, or use a cheaper base"
        )
        raise Refused(msg)
    if committed + wanted > per_month:
        msg = (
            f"this run may cost ${wanted}; ${committed} of the month's ${per_month} "
            "(TRAINING_CAP_MONTH_USD) are spent or reserved"
        )
        raise Refused(msg)


def next_ask(run: TrainingRun, now: datetime, lag: timedelta) -> Literal["ask", "wait", "give_up"]:
    """What to do when the provider lists no job of this run: ask, wait, or leave it.

    Left to a person after too many asks. `lag`: how far a provider's list may be behind; zero: its
    list is always current.
    """
    if run.asked_at is None or not lag:
        return "ask"
    if now - run.asked_at < lag:
        return "wait"
    return "ask" if run.asks < MAX_ASKS else "give_up"


def belongs(job: Json, run: TrainingRun) -> bool:
    """Whether that job at the provider belongs to this run.

    By our key; where metadata is dropped, by file, base and the run's own seed.
    """
    key = (job.get("metadata") or {}).get("kaeshi_key")
    if key is not None:
        return bool(key == run.key)
    seed = job.get("seed")
    return job.get("training_file") == run.file_id and (
        seed == run.seed if seed is not None else job.get("model") == run.base_model
    )


def run_key(
    assistant: str,
    file_sha256: str,
    base_model: str,
    suffix: str,
    epochs: int,
    provider: str,
    attempt: int = 1,
    *,
    method: TrainingMethod = "supervised",
    validation_sha256: str | None = None,
) -> str:
    """The same work has the same key, so a retried request finds the first one's job.

    `attempt` rises only when the attempt before has failed or was cancelled, and the work is
    requested again.
    """
    more = (
        [] if method == "supervised" and validation_sha256 is None else [method, validation_sha256]
    )
    content = json.dumps(
        [assistant, file_sha256, base_model, suffix, epochs, provider, attempt, *more]
    )
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def next_state(job: Json) -> RunState:
    """A provider's job status as our state.

    An unknown status becomes 'unknown' and is polled again.
    """
    return _STATES.get(str(job.get("status")), "unknown")


def best_checkpoint(checkpoints: Sequence[Json]) -> str | None:
    """The checkpoint with the least validation loss; of equals the latest.

    The full validation loss, else that of the step; None without losses. The last epoch is often
    not the best: small datasets are overfitted.
    """
    losses = []
    for checkpoint in checkpoints:
        metrics = checkpoint.get("metrics") or {}
        loss = metrics.get("full_valid_loss") or metrics.get("valid_loss")
        if loss is not None and checkpoint.get("fine_tuned_model_checkpoint"):
            losses.append(
                (
                    float(loss),
                    -int(checkpoint.get("step_number") or 0),
                    str(checkpoint["fine_tuned_model_checkpoint"]),
                )
            )
    return min(losses)[2] if losses else None
