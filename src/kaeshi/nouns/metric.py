"""Metrics that a deployment declares beside the built-in ones.

What is said under such a name is an outcome of the conversation, checked against its declaration.
"""

import math
from typing import Literal

from kaeshi.errors import InvalidInput
from kaeshi.nouns.value import Value


class Metric(Value):
    """A declared metric: what its values may be, and which of them are better.

    `type`: boolean or float; `least` and `most` bound a float, both included.
    """

    type: Literal["boolean", "float"]
    direction: Literal["maximize", "minimize"] = "maximize"
    least: float | None = None
    most: float | None = None

    def checked(self, name: str, value: object) -> bool | float:
        """The value. Raises InvalidInput with the metric, the value and what is wanted."""
        if self.type == "boolean":
            if isinstance(value, bool):
                return value
            raise _wrong(name, value, "true or false")
        if isinstance(value, int | float) and not isinstance(value, bool) and self._holds(value):
            return float(value)
        raise _wrong(name, value, self._range())

    def _holds(self, value: float) -> bool:
        return (
            abs(value) < 2**53
            and math.isfinite(value)
            and (self.least is None or self.least <= value)
            and (self.most is None or value <= self.most)
        )

    def _range(self) -> str:
        if self.least is None and self.most is None:
            return "a number"
        low = "" if self.least is None else f" from {self.least:g}"
        high = "" if self.most is None else f" up to {self.most:g}"
        return f"a number{low}{high}"


def _wrong(name: str, value: object, wanted: str) -> InvalidInput:
    return InvalidInput(f"metric {name!r} is {str(value)[:40]!r}, which is not {wanted}")
