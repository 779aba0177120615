"""What the loop may do by itself; `kaeshi.settings` reads these with all others."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

from kaeshi.nouns import AutopilotMode, Means


class AutopilotSettings(BaseSettings):
    """The autopilot."""

    autopilot: AutopilotMode = Field(
        "propose",
        description="What the loop does by itself. propose: makes and judges candidates that cost "
        "nothing, and asks a person before money is spent or a rollout begins; train: spends "
        "within the caps; rollout: starts rollouts too; off.",
    )
    autopilot_by_assistant: dict[str, AutopilotMode] = Field(
        default_factory=dict,
        description="JSON object of assistants whose AUTOPILOT is another.",
    )
    autopilot_means: Annotated[tuple[Means, ...], NoDecode] = Field(
        ("knowledge", "examples", "prompt", "fine_tune", "base_model"),
        description="What the autopilot may try, separated by commas.",
    )
    autopilot_reflector: str | None = Field(
        None,
        description="The model that writes better prompts, a strong one; without it none are "
        "searched for.",
    )
    autopilot_cron: str = Field(
        "0 4 * * 0", description="When the autopilot looks for something to learn (crontab, UTC)."
    )
    examples_refresh_cron: str = Field(
        "30 2 * * *",
        description="When examples that stand beside questions are renewed (crontab, UTC).",
    )
    dataset_entries: bool = Field(
        default=True,
        description="Put approved knowledge entries into datasets, so that a model that is trained "
        "on them knows what the team knows.",
    )
    autopilot_days: float = Field(
        14, ge=0, description="Fewest days between two candidates of the autopilot that cost money."
    )
    autopilot_rollout_days: float = Field(
        60,
        gt=0,
        description="Longest rollout, in days at the traffic of the last weeks, that the autopilot "
        "starts by itself; one that takes longer it ends.",
    )

    @field_validator("autopilot_means", mode="before")
    @classmethod
    def _named(cls, raw: object) -> object:
        if not isinstance(raw, str):
            return raw
        return tuple(part.strip() for part in raw.split(",") if part.strip())
