"""The trainer's folder: where files, jobs and models are, and the state that describes them."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.nouns import Json
from kaeshi.ports import Clock, Ids
from kaeshi.trainer.state import TrainerState


@dataclass(frozen=True)
class Folder:
    """What files, jobs and models share: a path, the state in it, a clock and ids.

    `disk`: new files and jobs are refused when the folder holds so many bytes; None for no limit.
    """

    path: Path
    state: TrainerState
    clock: Clock
    ids: Ids
    disk: int | None = None

    def seconds(self) -> int:
        """Now, in seconds since 1970."""
        return int(self.clock.now().timestamp())

    def new_id(self, kind: str) -> str:
        """A new id in OpenAI's form, such as file-..."""
        return self.ids.new(kind).replace("_", "-", 1)

    def find(self, kind: str, name: str) -> Json:
        """A stored object. Raises NotFound."""
        found = self.state.get(kind, name)
        if found is None:
            msg = f"{kind} {name!r} is not known here"
            raise NotFound(msg)
        return found

    def file(self, identifier: str) -> Path:
        """The path of an uploaded file."""
        return self.path / "files" / hashlib.sha256(identifier.encode()).hexdigest()[:32]

    def job(self, name: str) -> Path:
        """A lora job's folder, with what it needs to continue.

        Deleted when it has succeeded or was cancelled.
        """
        return self.path / "lora" / re.sub(r"[^A-Za-z0-9._-]", "_", name)

    def lock(self, name: str) -> Path:
        """The lock file of a job, held by the process that works on it."""
        return self.path / "locks" / name

    def put_model(self, name: str, manifest: Json) -> None:
        """Register a model whose files are in place."""
        model = {
            "id": name,
            "object": "model",
            "created": self.seconds(),
            "owned_by": "kaeshi",
            "manifest": manifest,
        }
        self.state.put("model", model)

    def check_room(self, more: int) -> None:
        """Raise InvalidInput when so many more bytes exceed the disk budget."""
        if self.disk is None:
            return
        held = sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())
        if held + more > self.disk:
            msg = (
                f"{held + more:,} bytes would be in the trainer's folder, and "
                f"TRAINER_DISK_GB allows {self.disk:,}; delete files or models"
            )
            raise InvalidInput(msg)
