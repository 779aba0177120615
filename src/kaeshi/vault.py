"""The former home of kaeshi.pii.vault; goes with the next release."""

from kaeshi.pii.vault import *  # noqa: F403
