"""Finds personal data in chat text, and replaces it by numbered placeholders.

Pure: the findings of a NameFinder come in as an argument. A text that cannot be scrubbed whole
raises.
"""

from kaeshi.nouns import PLACEHOLDER
from kaeshi.pii.detection import VERSION, detect, detect_each, detect_texts
from kaeshi.pii.patterns import TYPES
from kaeshi.pii.placeholders import (
    Numbers,
    Restorer,
    holds_placeholder,
    restore,
    restored,
    scrub,
    scrub_each,
)
from kaeshi.pii.policy import DEFAULT, Operator, Policy
from kaeshi.pii.risk import HIGH, SEED_KEYS, analyze, found_as_seed

__all__ = [
    "DEFAULT",
    "HIGH",
    "PLACEHOLDER",
    "SEED_KEYS",
    "TYPES",
    "VERSION",
    "Numbers",
    "Operator",
    "Policy",
    "Restorer",
    "analyze",
    "detect",
    "detect_each",
    "detect_texts",
    "found_as_seed",
    "holds_placeholder",
    "restore",
    "restored",
    "scrub",
    "scrub_each",
]
