"""Deprecated: import from kaeshi.nouns. Removed in the next release."""

from kaeshi.nouns import *  # noqa: F403
