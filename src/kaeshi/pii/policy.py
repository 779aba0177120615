"""A deployment's choices: which types, how certain, and which values stay."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

from kaeshi.nouns import Value

OFF = (
    "ACCOUNT",
    "BOOKING",
)  # references that the conversation is about; a deployment may replace them too
REGIONS = ("US", "CA", "GB")
Operator = Literal["placeholder", "surrogate", "mask", "pseudonym"]
Hit = tuple[int, int, str, float, str]
_SPACE = re.compile(r"[\W_]+")


class Policy(Value):
    """What is searched for, and what replaces it.

    `types`: the only types to find (empty: all but references). `thresholds`: the lowest score of a
    type, 0 to 1. `allow`: values that stay, such as the business's own address and phone. `deny`:
    words that are always replaced, with their type. `operator`: what replaces values, by type in
    `operators`. `regions`: countries (ISO 3166) whose phones are known without a plus; those that a
    conversation's language suggests are tried as well.
    """

    types: tuple[str, ...] = ()
    off: tuple[str, ...] = OFF
    thresholds: Mapping[str, float] = {}
    allow: tuple[str, ...] = ()
    deny: Mapping[str, str] = {}
    operator: Operator = "placeholder"
    operators: Mapping[str, Operator] = {}
    regions: tuple[str, ...] = REGIONS

    def for_serving(self) -> "Policy":
        """The policy with placeholders for everything.

        Only placeholders can be restored in an answer.
        """
        return self.model_copy(update={"operator": "placeholder", "operators": {}})

    def threshold(self, kind: str) -> float:
        """The lowest score for this type.

        Above any score if the type is off.
        """
        if (self.types and kind not in self.types) or (not self.types and kind in self.off):
            return 2.0
        return self.thresholds.get(kind, 0.0)

    @cached_property
    def unwanted(self) -> frozenset[str]:
        """Types that are off and need no search."""
        return frozenset(self.off) if not self.types else frozenset()

    def denied(self, text: str) -> list[Hit]:
        """Where words of the deny list stand."""
        if self._denied is None:
            return []
        kinds = {word.lower(): kind for word, kind in self.deny.items()}
        return [
            (*match.span(), kinds[match[0].lower()], 1.0, "deny list")
            for match in self._denied.finditer(text)
        ]

    def allowed(self, text: str, hits: Sequence[Hit]) -> list[Hit]:
        """The findings whose value is not on the allow list, however it is spaced."""
        if not self.allow:
            return list(hits)
        return [hit for hit in hits if _plain(text[hit[0] : hit[1]]) not in self._allowed]

    @cached_property
    def _allowed(self) -> frozenset[str]:
        return frozenset(map(_plain, self.allow))

    @cached_property
    def _denied(self) -> re.Pattern[str] | None:
        words = sorted(self.deny, key=len, reverse=True)
        return (
            re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
            if words
            else None
        )


def _plain(value: str) -> str:
    return _SPACE.sub("", value).lower()


DEFAULT = Policy()
