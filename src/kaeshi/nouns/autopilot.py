"""What the autopilot does: one candidate at a time, from the plan to what came of it."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from kaeshi.nouns.value import Json, Value

AutopilotMode = Literal["off", "propose", "train", "rollout"]
Means = Literal["knowledge", "examples", "prompt", "fine_tune", "base_model"]
AutopilotState = Literal[
    "proposed",  # planned, not built
    "building",
    "built",  # and judged offline
    "rolling_out",
    "promoted",
    "rolled_back",
    "refused",  # by the offline evaluation
    "failed",  # could not be built or started
    "declined",  # by a person
]
ENDED: frozenset[AutopilotState] = frozenset(
    {"promoted", "rolled_back", "refused", "failed", "declined"}
)


class Option(Value):
    """A candidate that could be made now.

    `material`: what it would learn from, counted; `known`: of that, what the last of its kind had.
    `fingerprint`: of the content; the same is never tried twice. `forced`: the model in production
    ends, or what it reads is wrong, and something must follow it.
    """

    means: Means
    fingerprint: str
    material: int
    known: int
    cost_usd: Decimal = Decimal(0)
    forced: bool = False
    detail: Json = {}


class Plan(Value):
    """An option with what is expected of it.

    `chance`: of being promoted; `gain`: in points of the share of right answers, if it is
    promoted; `why`: for a person.
    """

    option: Option
    chance: float
    gain: float
    why: str


class AutopilotRun(Value):
    """One candidate on its way.

    `approved_by`: a person who said yes; `held_by`: one who stopped it, until they let it go on.
    `found`: what is known since: the offline evaluation, the days a rollout was expected to take,
    and the gain that was measured. `version` rises with every change (compare-and-set).
    """

    id: str
    assistant: str
    state: AutopilotState
    plan: Plan
    approved_by: str | None = None
    held_by: str | None = None
    training_run: str | None = None
    candidate: str | None = None
    rollout: str | None = None
    why: str = ""
    found: Json = {}
    version: int = 1
    began_at: datetime
    changed_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether something is still to come of it."""
        return self.state not in ENDED
