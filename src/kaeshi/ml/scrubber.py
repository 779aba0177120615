"""`get_pii_scrubber()`: the seed's two calls on one text."""

from typing import Any

from kaeshi import pii
from kaeshi.pii.api import scrub


class PIIScrubber:
    """Typed, numbered placeholders for personal data."""

    def scrub_text(self, text: str) -> tuple[str, dict[str, list[str]]]:
        """The text with placeholders, and the values found by type, named as in the seed.

        Raises InvalidInput.
        """
        scrubbed = scrub(text)
        return scrubbed.texts[0], pii.found_as_seed(scrubbed.found)

    def analyze_pii(self, text: str) -> dict[str, Any]:
        """Counts by type and a risk level: high, medium or low."""
        return pii.analyze(scrub(text).counts)
