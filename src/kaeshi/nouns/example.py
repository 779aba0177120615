"""A scrubbed conversation that may be trained on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kaeshi.nouns.consent import Consent
from kaeshi.nouns.feedback import Signals
from kaeshi.nouns.value import Json


@dataclass(frozen=True, kw_only=True, slots=True)  # a dataset holds very many
class Example:
    """A scrubbed conversation that may be trained on. Its messages are stored as JSON text."""

    id: str
    conversation: str
    body: str
    intent: str
    started_at: datetime
    signals: Signals
    consent: Consent
    scrubber: str
    pii: Mapping[str, int] = field(default_factory=dict)
    account: str = ""  # the gateway's customer; empty for what an operator logged
    network: str = ""  # a keyed hash; empty where it is not known or says nothing
    context: Json = field(default_factory=dict)  # tools, tool_choice, response_format; scrubbed

    @property
    def messages(self) -> list[Json]:
        """OpenAI messages, scrubbed."""
        return list(json.loads(self.body))
