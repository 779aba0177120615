"""Finds people and addresses with a token classifier in transformers' format.

The weights lie in a folder of the user's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kaeshi.errors import MissingExtra, MissingModel
from kaeshi.nouns import Watch
from kaeshi.pii.finders.proposals import Proposal, ProposingFinder

# classifiers call them PER, B-PERSON, GIVENNAME, private_person, STREET, private_address
_PERSON = re.compile(
    r"\b(?:[bi]-)?(?:private_)?(?:per|person|(?:first|last|given|sur|full|middle)?_?name)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"address|street", re.IGNORECASE)
_BETWEEN = re.compile(r"[ \t,.#'’/-]{0,3}")
BATCH = 16
UNBOUNDED = 1_000_000


class TokenNames(ProposingFinder):
    """A NameFinder.

    Raises MissingExtra without transformers, MissingModel for a folder without such a classifier.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        if not (folder / "config.json").exists():
            msg = (
                f"KAESHI_NAMES_PATH {str(folder)!r} holds no config.json of a token classifier; "
                "nothing is downloaded here"
            )
            raise MissingModel(msg)
        tokenizers, pipeline = _transformers()
        tokenizer = tokenizers.from_pretrained(str(folder))
        most = tokenizer.model_max_length
        # without overlapping windows a long text would be cut, and its end would not be searched
        windows = {"stride": most // 4} if most < UNBOUNDED else {}
        self._classify = pipeline(
            "token-classification",
            model=str(folder),
            tokenizer=tokenizer,
            aggregation_strategy="simple",
            **windows,
        )
        self.version = f"transformers-{folder.name}+{self._lists.version}"

    def _proposals(self, texts: Iterable[str], watch: Watch) -> Mapping[str, Sequence[Proposal]]:
        ordered = sorted(texts, key=len)
        seen: dict[str, list[Proposal]] = {text: [] for text in ordered}
        for first in range(0, len(ordered), BATCH):
            watch()
            part = [text for text in ordered[first : first + BATCH] if text.strip()]
            for text, found in zip(part, self._classify(part) if part else [], strict=True):
                seen[text] = _joined(text, found)
        return seen


def _transformers() -> tuple[Any, Any]:
    try:
        from transformers import AutoTokenizer, pipeline
    except ImportError as error:
        msg = (
            "KAESHI_NAMES is 'transformers', and it is not installed; type: pip install "
            "'kaeshi[train]'"
        )
        raise MissingExtra(msg) from error
    return AutoTokenizer, pipeline


def _joined(text: str, found: Sequence[Mapping[str, Any]]) -> list[Proposal]:
    """People and addresses; neighbours of one kind are joined.

    Given and family name, number and street.
    """
    seen: list[Proposal] = []
    for span in found:
        group = span["entity_group"]
        start = int(span["start"])
        end = int(span["end"])
        score = float(span["score"])
        kind = "PERSON" if _PERSON.search(group) else "ADDRESS" if _ADDRESS.search(group) else ""
        if (
            kind
            and seen
            and seen[-1].type == kind
            and _BETWEEN.fullmatch(text, seen[-1].end, start)
        ):
            seen[-1] = Proposal(seen[-1].start, end, kind, max(score, seen[-1].score))
        elif kind:
            seen.append(Proposal(start, end, kind, score))
    return seen
