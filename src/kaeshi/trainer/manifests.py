"""The manifest in a model's folder.

Its files with their sha256, written last and read first.
"""

import json
from pathlib import Path

from kaeshi.errors import InvalidInput
from kaeshi.files import sha256_of, write_whole
from kaeshi.nouns import Json


def write(folder: Path, manifest: Json) -> Json:
    """Write the manifest of a complete folder; returns it."""
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True).encode())
    return manifest


def checked(folder: Path) -> Json:
    """The folder's manifest. Raises InvalidInput when a file does not match it."""
    manifest: Json = json.loads((folder / "manifest.json").read_bytes())
    for name, expected in manifest["files"].items():
        if sha256_of(folder / name) != expected:
            msg = f"model file {str(folder / name)!r} does not match its manifest; train again"
            raise InvalidInput(msg)
    return manifest
