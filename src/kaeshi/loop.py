"""Loop: what every step receives.

It is frozen and built once, in app.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kaeshi.nouns import NameFinder
from kaeshi.pii import Policy
from kaeshi.ports import (
    Answerer,
    ChatModel,
    Clock,
    Embedder,
    Ids,
    Index,
    Mailer,
    Notifier,
    PromptSearch,
    TokenCounter,
    Trainer,
)
from kaeshi.rules.checks import Checks
from kaeshi.settings import Settings
from kaeshi.store import Store


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Settings, store, clock, ids and one implementation of every port.

    Providers load their models at first use.
    """

    settings: Settings
    assistant: str
    store: Store
    clock: Clock
    ids: Ids
    names: NameFinder
    policy: Policy
    recalls: Mapping[str, float]
    tokens: TokenCounter
    embedder: Embedder
    index: Index
    trainer: Trainer
    chat: ChatModel
    answerer: Answerer | None  # the embedded trainer, if models are served in this process
    mailer: Mailer
    notifier: Notifier
    prompt_search: PromptSearch
    checks: Checks
    prompts: Mapping[str, str]
    prices: Mapping[str, object]
    retirements: Mapping[str, object]

    @property
    def aliases(self) -> dict[str, str]:
        """The model names that the gateway answers to, and the assistant behind each."""
        return {
            alias: assistant or self.assistant
            for alias, assistant in self.settings.gateway_aliases.items()
        }

    @property
    def served(self) -> frozenset[str]:
        """The assistants that the gateway serves."""
        return frozenset({self.assistant, *self.aliases.values()})

    def folder(self, stage: str) -> Path:
        """The folder for one stage's files of this assistant."""
        return self.settings.data_dir / stage / self.assistant
