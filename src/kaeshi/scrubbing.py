"""Deprecated: import from kaeshi.pii.api. Removed in the next release."""

from kaeshi.pii.api import *  # noqa: F403
