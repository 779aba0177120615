"""An exact inner-product index in a FAISS file."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from kaeshi.files import write_whole
from kaeshi.ports import Vectors

KEPT = 4  # indexes in memory


class FaissIndex:
    """An Index. Its search is exact: knowledge bases of this size need no approximation."""

    def build(self, path: Path, vectors: Vectors) -> str:
        """Write a new index file; returns its sha256."""
        import faiss

        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
        return write_whole(path, faiss.serialize_index(index).tobytes())

    def search(self, path: Path, vectors: Vectors, count: int) -> list[list[tuple[int, float]]]:
        """For each vector the nearest positions with their cosine, best first."""
        index = _read(path, path.stat().st_mtime_ns)
        scores, places = index.search(np.ascontiguousarray(vectors), min(count, index.ntotal))
        return [
            [(int(p), float(s)) for p, s in zip(row_p, row_s, strict=True) if p >= 0]
            for row_p, row_s in zip(places, scores, strict=True)
        ]

    def remove(self, path: Path) -> None:
        """Delete an index."""
        path.unlink(missing_ok=True)


@lru_cache(KEPT)
def _read(path: Path, _changed: int) -> Any:
    import faiss

    return faiss.deserialize_index(np.frombuffer(path.read_bytes(), np.uint8))
