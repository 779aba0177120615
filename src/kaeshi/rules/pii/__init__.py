"""Personal data in chat text: found, named, numbered and replaced.

Pure: what a NameFinder found comes in as an argument. It refuses to guess about text it cannot take whole.
"""

from kaeshi.rules.pii.detection import VERSION, detect, detect_each, detect_texts
from kaeshi.rules.pii.patterns import TYPES
from kaeshi.rules.pii.placeholders import (
    Numbers,
    Restorer,
    holds_placeholder,
    restore,
    restored,
    scrub,
    scrub_each,
)
from kaeshi.rules.pii.policy import DEFAULT, Operator, Policy
from kaeshi.rules.pii.risk import HIGH, SEED_KEYS, analyze, found_as_seed
from kaeshi.types import PLACEHOLDER

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
