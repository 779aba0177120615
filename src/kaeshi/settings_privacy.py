"""What finds and replaces personal data; `kaeshi.settings` reads these with all others."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode


class PrivacySettings(BaseSettings):
    """The scrubber."""

    kaeshi_names: Literal["model", "lists", "spacy", "transformers"] = Field(
        "model",
        description="What finds people and addresses: the model that `kaeshi models fetch` brings, "
        "word lists alone, or a model of your own "
        "(a spaCy pipeline, or a token classifier that transformers reads).",
    )
    kaeshi_names_path: str | None = Field(
        None,
        description=(
            "Folder of your own model of names, or for spaCy the name of an installed pipeline. "
            "Nothing is downloaded."
        ),
    )
    kaeshi_pii_policy: Path | None = Field(
        None,
        description=(
            "TOML file with the types of personal data to find, and values of your own that "
            "stay (docs/pii.md)."
        ),
    )
    pii_regions: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("US", "CA", "GB"),
        description=(
            "Countries (ISO 3166, separated by commas) whose phones are known without a plus. "
            "Those that a conversation's own words suggest are tried as well."
        ),
    )
    scrub_seconds: float = Field(
        60,
        gt=0,
        description=(
            "Time limit for scrubbing a conversation; a conversation that exceeds it is not "
            "learned."
        ),
    )

    @field_validator("pii_regions")
    @classmethod
    def _are_countries(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        for region in regions:
            if not (len(region) == 2 and region.isascii() and region.isalpha()):
                msg = f"{region!r} is not a country's code of two letters, such as US"
                raise ValueError(msg)
        return tuple(region.upper() for region in regions)
