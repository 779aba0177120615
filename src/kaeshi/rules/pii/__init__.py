"""Personal data in chat text: found, named, numbered and replaced by typed placeholders.

Pure: what a NameFinder found comes in as an argument. It refuses to guess about text it cannot take whole.
"""

from kaeshi.rules.pii.detection import PLACEHOLDER, VERSION, detect, detect_each, detect_texts
from kaeshi.rules.pii.placeholders import holds_placeholder, restore, scrub
from kaeshi.rules.pii.risk import HIGH, SEED_KEYS, analyze, found_as_seed

__all__ = [
    "HIGH",
    "PLACEHOLDER",
    "SEED_KEYS",
    "VERSION",
    "analyze",
    "detect",
    "detect_each",
    "detect_texts",
    "found_as_seed",
    "holds_placeholder",
    "restore",
    "scrub",
]
