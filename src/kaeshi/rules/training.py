"""What training costs, and where a run goes from here."""

import hashlib
import json
from decimal import Decimal

from kaeshi.errors import NotFound
from kaeshi.types import Estimate, Json, RunState

# OpenAI's cookbook on counting chat tokens: each message costs 3 tokens beside its words, each row 3 more
PER_MESSAGE, PER_ROW = 3, 3
FINAL = frozenset({"succeeded", "failed", "cancelled"})
_STATES: dict[str, RunState] = {
    "validating_files": "queued",
    "queued": "queued",
    "paused": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}


def estimate(model: str, tokens: int, epochs: int, prices: Json) -> Estimate:
    """Tokens x epochs x the table's price. Raises NotFound for a model that the table does not know."""
    listed = prices["models"].get(model) or next((p for name, p in prices["models"].items() if model.startswith(name + "-")), None)
    if listed is None:
        msg = f"model {model!r} has no training price in the table of {prices['date']}; known: {', '.join(prices['models'])}"
        raise NotFound(msg)
    price = Decimal(listed["training_per_million_usd"])
    cost = (price * tokens * epochs / 1_000_000).quantize(Decimal("0.0001"))
    return Estimate(
        model=model,
        tokens=tokens,
        epochs=epochs,
        estimated_cost_usd=cost,
        price_per_million_usd=price,
        source=f"{prices['source']}, {prices['date']}",
    )


def run_key(assistant: str, file_sha256: str, base_model: str, suffix: str, epochs: int, provider: str) -> str:
    """The same work has the same key, so a retried request finds the first one's job instead of paying for another."""
    content = json.dumps([assistant, file_sha256, base_model, suffix, epochs, provider])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def next_state(job: Json) -> RunState:
    """A provider's job status in our words. A status nobody told us about is 'unknown' and is looked at again."""
    return _STATES.get(str(job.get("status")), "unknown")
