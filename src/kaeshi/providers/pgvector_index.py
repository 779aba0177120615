"""An exact inner-product index in PostgreSQL, with the extension pgvector.

The index's file names the build and the digest of its vectors, so that it is swapped, compared and
taken back as a file is.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import InvalidInput
from kaeshi.files import write_whole
from kaeshi.ports import Vectors

KEPT = 8  # builds whose digest was compared


class Table(Protocol):
    """Vectors by build and position (store/vectors.py)."""

    def put(self, build: str, vectors: NDArray[np.float32]) -> str: ...
    def digest(self, build: str) -> str: ...
    def nearest(
        self, build: str, vector: NDArray[np.float32], count: int
    ) -> list[tuple[int, float]]: ...
    def remove(self, builds: Sequence[str]) -> None: ...
    def close(self) -> None: ...


class PgvectorIndex:
    """An Index. Vectors are in the database; every process that reads it sees the same ones."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._checked = lru_cache(KEPT)(self._check)

    def build(self, path: Path, vectors: Vectors) -> str:
        """Write a new build and the file that names it; returns the file's sha256."""
        build = f"{path.parent}/{path.name}"
        digest = self._table.put(build, np.ascontiguousarray(vectors, np.float32))
        said = {"build": build, "vectors": len(vectors), "sha256": digest}
        return write_whole(path, json.dumps(said, sort_keys=True).encode())

    def search(self, path: Path, vectors: Vectors, count: int) -> list[list[tuple[int, float]]]:
        """For each vector the nearest positions with their cosine, best first.

        Raises InvalidInput where the vectors are not those that the file names.
        """
        build = self._checked(path, path.stat().st_mtime_ns)
        return [self._table.nearest(build, vector, count) for vector in vectors]

    def remove(self, path: Path) -> None:
        """Delete a build and its file."""
        path.unlink(missing_ok=True)
        self._table.remove([f"{path.parent}/{path.name}"])

    def close(self) -> None:
        """Close the connection to the database."""
        self._table.close()

    def _check(self, path: Path, _changed: int) -> str:
        try:
            said = json.loads(path.read_bytes())
            build = str(said["build"])
            digest = str(said["sha256"])
        except (ValueError, KeyError, TypeError) as error:
            msg = f"index file {str(path)!r} names no build; type: kaeshi knowledge refresh"
            raise InvalidInput(msg) from error
        if self._table.digest(build) != digest:
            msg = (
                f"the vectors of {build!r} in the database are not those that were written; type: "
                "kaeshi knowledge refresh"
            )
            raise InvalidInput(msg)
        return build
