"""The former home of kaeshi.pii.api; goes with the next release."""

from kaeshi.pii.api import *  # noqa: F403
