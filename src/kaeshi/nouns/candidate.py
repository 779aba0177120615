"""A candidate: a change to the assistant, and how it is asked."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from kaeshi.nouns.value import Json, Value

MOST_ENTRIES = 20  # of the knowledge base, in one request
EMBEDDED = "embedded"  # as a base URL: the trainer in this process


class Serving(Value):
    """How a candidate is asked, beyond its model's name.

    `model`: its name at the provider. `base_url`: of another provider than the main one, or
    EMBEDDED. `opening`: messages put before the customer's, such as a
    system prompt and examples. `placeholders`: it reads and writes scrubbed text; None means that
    it does if it is a fine-tune of kaeshi. `entries`: how many of the nearest index entries
    are put before the customer's last message.
    """

    model: str | None = None
    base_url: str | None = None
    opening: tuple[Json, ...] = ()
    placeholders: bool | None = None
    entries: int = Field(0, ge=0, le=MOST_ENTRIES)


class Candidate(Value):
    """A change to the assistant's answers, by its name `model`.

    A fine-tune, another base model, a prompt, a version of the knowledge base.
    """

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
        """Whether it must be asked with scrubbed text."""
        return (
            self.kind == "fine_tune"
            if self.serving.placeholders is None
            else self.serving.placeholders
        )
