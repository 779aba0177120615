"""Which arm of a rollout a customer belongs to."""

from typing import Literal

from kaeshi.nouns.value import Value

Arm = Literal["production", "candidate"]


class Assignment(Value):
    """The arm of a customer's conversations while a rollout runs.

    `share` is the candidate's, 0 to 1.
    """

    experiment: str
    arm: Arm
    share: float
