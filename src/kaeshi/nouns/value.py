"""What every noun is: a frozen pydantic model. And the JSON object, as Python has it."""

from typing import Any

from pydantic import BaseModel, ConfigDict

Json = dict[str, Any]


class Value(BaseModel):
    """Frozen, keyword-only, no surprises: an unknown field is an error."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid")
