"""Which arm of a rollout a customer belongs to."""

from typing import Literal

from kaeshi.nouns.value import Value

Arm = Literal["production", "candidate"]


class Assignment(Value):
    """Which arm a customer's conversations go to while an experiment runs. `share` is the candidate's, 0 to 1."""

    experiment: str
    arm: Arm
    share: float
