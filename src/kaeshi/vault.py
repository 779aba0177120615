"""Deprecated: import from kaeshi.pii.vault. Removed in the next release."""

from kaeshi.pii.vault import *  # noqa: F403
