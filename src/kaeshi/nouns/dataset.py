"""Training rows with the manifest that proves what they are."""

import json
from typing import Literal

from kaeshi.nouns.value import Json, Value


class Dataset(Value):
    """Training rows as the lines of their file, and the manifest that proves what they are."""

    id: str
    assistant: str
    lines: tuple[bytes, ...] = ()
    splits: tuple[Literal["train", "validation"], ...] = ()
    examples: tuple[str, ...] = ()
    manifest: Json
    path: str = ""

    @property
    def rows(self) -> list[Json]:
        """The lines, read."""
        return [json.loads(line) for line in self.lines]
