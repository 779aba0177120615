"""Metrics that a deployment declares beside the built-in ones."""

from typing import Literal

from kaeshi.nouns.value import Value


class Metric(Value):
    """A declared metric: what its values may be.

    `type`: boolean or float; `least` and `most` bound a float, both included.
    """

    type: Literal["boolean", "float"]
    least: float | None = None
    most: float | None = None
