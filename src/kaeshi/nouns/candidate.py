"""Anything that changes answers, and how it is asked."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from kaeshi.nouns.value import Json, Value

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
