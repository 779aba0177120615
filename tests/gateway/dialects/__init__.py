"""One small answer of each dialect of OpenAI's wire, with its origin and what it says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A provider's answer. `said`: content, calls, finish; or error; or unread."""

    name: str
    origin: str
    said: dict[str, Any]
    raw: bytes

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream."""
        return not self.raw.startswith((b"{", b"["))


def _read(path: Path) -> Sample:
    head, _, body = path.read_bytes().partition(b"\n---\n")
    origin, said = head.decode().split("\n")
    return Sample(
        name=path.stem,
        origin=origin.removeprefix("origin: "),
        said=json.loads(said.removeprefix("said: ")),
        raw=body,
    )


SAMPLES = [_read(path) for path in sorted(HERE.glob("*.txt"))]


def calls_of(message: dict[str, Any]) -> list[list[Any]]:
    """(name, arguments) of each call, with its arguments parsed where they are JSON."""
    found = []
    for call in message.get("tool_calls") or ():
        named = call.get("function") or call["custom"]
        written = named.get("arguments", named.get("input"))
        found.append([named["name"], json.loads(written) if written[:1] == "{" else written])
    return found
