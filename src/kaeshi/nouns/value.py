"""The base of every noun, a frozen pydantic model; and the type of a JSON object."""

from typing import Any

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]


class Value(BaseModel):
    """A frozen, keyword-only model; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")
