"""The former home of the nouns; import them from kaeshi.nouns. Goes with the next release."""

from kaeshi.nouns import *  # noqa: F403
