"""Training rows, with their manifest."""

import json
from typing import Literal

from kaeshi.nouns.value import Json, Value


class Dataset(Value):
    """Training rows as the lines of a file, with the manifest that describes them."""

    id: str
    assistant: str
    lines: tuple[bytes, ...] = ()
    splits: tuple[Literal["train", "validation"], ...] = ()
    examples: tuple[str, ...] = ()
    manifest: Json
    path: str = ""

    @property
    def rows(self) -> list[Json]:
        """The decoded lines."""
        return [json.loads(line) for line in self.lines]
