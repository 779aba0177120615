"""Deprecated: import from kaeshi.library. Removed in the next release."""

from kaeshi.library import *  # noqa: F403
