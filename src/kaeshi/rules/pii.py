"""The former home of kaeshi.pii; goes with the next release."""

from kaeshi.pii import *  # noqa: F403
