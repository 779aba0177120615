"""Uploaded files: stored whole, listed, deleted when they expire, and read as training rows."""

from kaeshi.errors import InvalidInput
from kaeshi.files import write_whole
from kaeshi.formats.training_rows import parse_preference_row, parse_row
from kaeshi.nouns import Json
from kaeshi.trainer.folder import Folder
from kaeshi.trainer.multipart import parse_form

MAX_FILE = 512 * 1024 * 1024
MIN_ROWS = 10


class FileFault(InvalidInput):
    """A file that is not training data. `param`: the field of the job that names it."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.param = param


class Files:
    """The files of a trainer's folder, as OpenAI's file objects."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def upload(self, body: bytes, content_type: str) -> Json:
        fields, files = parse_form(body, content_type)
        purpose, name, content = _check_form(fields, files)
        life = _life_of(fields)
        self._folder.check_room(len(content))
        return self.put(content, name, purpose, None if life is None else int(life))

    def put(self, content: bytes, name: str, purpose: str, life_s: int | None = None) -> Json:
        """Store a file; it expires after `life_s` seconds (None: never)."""
        identifier = self._folder.new_id("file")
        write_whole(self._folder.file(identifier), content)
        made: Json = {
            "id": identifier,
            "object": "file",
            "bytes": len(content),
            "created_at": self._folder.seconds(),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        return self._folder.state.put(
            "file", made if life_s is None else made | {"expires_at": made["created_at"] + life_s}
        )

    def drop_expired(self) -> None:
        """Delete files whose expiry time has passed."""
        for file in self._folder.state.every("file", limit=10_000):
            if file.get("expires_at", self._folder.seconds() + 1) <= self._folder.seconds():
                self._folder.file(file["id"]).unlink(missing_ok=True)
                self._folder.state.drop("file", file["id"])

    def content(self, name: str) -> bytes:
        """A file's bytes. Raises NotFound."""
        return self._folder.file(self._folder.find("file", name)["id"]).read_bytes()

    def delete(self, name: str) -> Json:
        """Delete a file. Raises NotFound."""
        self._folder.file(self._folder.find("file", name)["id"]).unlink(missing_ok=True)
        return {"id": name, "object": "file", "deleted": self._folder.state.drop("file", name)}

    def rows(
        self, file: str, least: int = MIN_ROWS, kind: str = "supervised", what: str = "training"
    ) -> list[Json]:
        """The rows of a file. Raises FileFault, with the file (`what`) and the line at fault."""
        parsed = parse_row if kind == "supervised" else parse_preference_row
        rows = []
        for number, line in enumerate(self.content(file).splitlines(), 1):
            if not line.strip():
                continue
            try:
                rows.append(parsed(line))
            except InvalidInput as error:
                msg = f"{what} file {file}, line {number}: {error}"
                raise FileFault(msg, f"{what}_file") from error
        if len(rows) < least:
            msg = f"{what} file {file}: {len(rows)} rows, {least} needed"
            raise FileFault(msg, f"{what}_file")
        return rows


def _check_form(
    fields: dict[str, str], files: dict[str, tuple[str, bytes]]
) -> tuple[str, str, bytes]:
    purpose = fields.get("purpose")
    if purpose != "fine-tune":
        msg = f"purpose {purpose!r} is not served here; use 'fine-tune'"
        raise InvalidInput(msg)
    if "file" not in files:
        msg = "the form has no part named 'file'"
        raise InvalidInput(msg)
    name, content = files["file"]
    if not 0 < len(content) <= MAX_FILE:
        msg = f"file of {len(content)} bytes; 1 to {MAX_FILE} are taken"
        raise InvalidInput(msg)
    return purpose, name, content


def _life_of(fields: dict[str, str]) -> str | None:
    life = fields.get("expires_after[seconds]")
    if life is not None and (
        not life.isdigit() or len(life) > 8 or not 3600 <= int(life) <= 30 * 24 * 3600
    ):  # OpenAI's limits
        msg = f"expires_after[seconds] {life!r} is not a whole number from 3600 to 2592000"
        raise InvalidInput(msg)
    return life
