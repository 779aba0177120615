"""A candidate: a change to the assistant, and how it is asked."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from kaeshi.nouns.value import Json, Value

MOST_ENTRIES = 20  # of the knowledge base, in one request
MOST_EXAMPLES = 50  # in one request
CandidateKind = Literal["fine_tune", "base_model", "prompt", "examples", "knowledge", "sampling"]
EMBEDDED = "embedded"  # as a base URL: the trainer in this process


class Serving(Value):
    """How a candidate is asked, beyond its model's name.

    `model`: its name at the provider. `base_url`: of another provider than the main one, or
    EMBEDDED. `opening`: messages put before the customer's, such as a
    system prompt and examples. `placeholders`: it reads and writes scrubbed text; None means that
    it does if it is a fine-tune of kaeshi. `entries`: how many of the nearest index entries
    are put before the customer's last message; of `knowledge_build` where one is named, else of
    the current one. `examples`: how many exchanges are put before the conversation; of
    `examples_build` where one is named, else of the current one. `parameters`: of sampling, set
    in each request, such as temperature.
    """

    model: str | None = None
    base_url: str | None = None
    opening: tuple[Json, ...] = ()
    placeholders: bool | None = None
    entries: int = Field(0, ge=0, le=MOST_ENTRIES)
    knowledge_build: str = ""
    examples: int = Field(0, ge=0, le=MOST_EXAMPLES)
    examples_build: str = ""
    parameters: Json = {}

    @property
    def reads(self) -> bool:
        """Whether something is looked up for each request."""
        return bool(self.entries or self.examples)


class Candidate(Value):
    """A change to the assistant's answers, by its name `model`.

    A fine-tune, another base model, a prompt, examples, a build of the knowledge base, parameters
    of sampling.
    """

    id: str
    assistant: str
    kind: CandidateKind
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
