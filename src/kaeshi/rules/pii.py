"""Deprecated: import from kaeshi.pii. Removed in the next release."""

from kaeshi.pii import *  # noqa: F403
