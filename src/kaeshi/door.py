"""The former home of kaeshi.library; goes with the next release."""

from kaeshi.library import *  # noqa: F403
