"""What every finder with a model has in common.

The model proposes spans text by text; word lists and introductions confirm, drop or add some.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kaeshi.nouns import Finding, Watch, unwatched
from kaeshi.pii.finders.word_lists import ListedNames


@dataclass(frozen=True)
class Proposal:
    """A span that a model proposes in one text: PERSON or ADDRESS."""

    start: int
    end: int
    type: str
    score: float


class ProposingFinder(ABC):
    """A NameFinder whose model reads each text by itself."""

    version: str
    # a deployment's own model is trusted to read what its customers write
    reads: frozenset[str] | None = None

    def __init__(self) -> None:
        self._lists = ListedNames()

    @abstractmethod
    def _proposals(self, texts: Iterable[str], watch: Watch) -> Mapping[str, Sequence[Proposal]]:
        """The model's proposals for each text."""

    def find(self, texts: Sequence[str], known: Sequence[str] = ()) -> list[list[Finding]]:
        """People and addresses in each text of one conversation.

        Raises MissingModel when the model is not on this machine.
        """
        return self.find_each([texts], known)[0]

    def find_each(
        self,
        conversations: Sequence[Sequence[str]],
        known: Sequence[str] = (),
        watch: Watch = unwatched,
    ) -> list[list[list[Finding]]]:
        """People and addresses of many conversations at once: the fast path."""
        seen = self._proposals({text for texts in conversations for text in texts}, watch)
        found = []
        for texts in conversations:
            watch()
            people = [
                [(p.start, p.end, p.score) for p in seen[text] if p.type == "PERSON"]
                for text in texts
            ]
            lists = self._lists.find(texts, known, people)
            found.append(
                [
                    _with_addresses(names, seen[text])
                    for text, names in zip(texts, lists, strict=True)
                ]
            )
        return found


def _with_addresses(names: Sequence[Finding], seen: Sequence[Proposal]) -> list[Finding]:
    """All findings in one text, each with the recogniser that found it first."""
    own = {(p.start, p.end) for p in seen}
    said = [
        f.model_copy(update={"recogniser": "model"}) if (f.start, f.end) in own else f
        for f in names
    ]
    return [
        *said,
        *(
            Finding(start=p.start, end=p.end, type="ADDRESS", score=p.score, recogniser="model")
            for p in seen
            if p.type == "ADDRESS"
        ),
    ]
