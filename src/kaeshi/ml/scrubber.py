"""`get_pii_scrubber()`: the seed's two calls on one text."""

from functools import cached_property
from typing import Any

from kaeshi.errors import InvalidInput


class PIIScrubber:
    """Typed, numbered placeholders for personal data."""

    @cached_property
    def _names(self) -> Any:  # the finder's type would import what this door is quick without
        from kaeshi.providers.name_lists import ListedNames

        return ListedNames()

    def scrub_text(self, text: str) -> tuple[str, dict[str, list[str]]]:
        """The text with placeholders, and what was found by type in the seed's words. Raises InvalidInput."""
        from kaeshi.rules import pii

        scrubbed = pii.scrub([_checked(text)], self._names.find([text]))
        return scrubbed.texts[0], pii.found_as_seed(scrubbed.found)

    def analyze_pii(self, text: str) -> dict[str, Any]:
        """Counts by type and a risk level: high, medium or low."""
        from kaeshi.rules import pii

        return pii.analyze(pii.scrub([_checked(text)], self._names.find([text])).counts)


def _checked(text: object) -> str:
    if not isinstance(text, str):
        msg = f"text is {type(text).__name__}, it must be a str"
        raise InvalidInput(msg)
    return text
