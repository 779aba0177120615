"""Vectors of index builds in PostgreSQL, with the extension pgvector.

Its verbs are not async: an index is searched on threads. They run on a connection of their own, in
a thread of their own. A build is written in one transaction and never changed.
"""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import Misconfigured, MissingExtra

Floats = NDArray[np.float32]
T = TypeVar("T")
TABLE = "kaeshi_index_vectors"
_CREATE = f"""
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS {TABLE} (
  build text NOT NULL, position integer NOT NULL, embedding vector NOT NULL,
  PRIMARY KEY (build, position)
)"""
# of the bytes that pgvector sends, in their order
_DIGEST = f"""
SELECT encode(sha256(string_agg(vector_send(embedding), ''::bytea ORDER BY position)), 'hex')
FROM {TABLE} WHERE build = $1"""  # a constant
_NEAREST = f"""
SELECT position, -(embedding <#> $2) AS cosine FROM {TABLE} WHERE build = $1
ORDER BY embedding <#> $2, position LIMIT $3"""  # a constant
_REMOVE = f"DELETE FROM {TABLE} WHERE build = $1"  # a constant
_SECONDS = 60.0


class VectorTable:
    """The vectors of builds, by name and position. `url`: the database's, as DATABASE_URL."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+asyncpg://", "postgresql://")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._connection: Any = None  # asyncpg has no types

    def put(self, build: str, vectors: Floats) -> str:
        """Write a build, in the place of an earlier one of its name; returns its digest."""
        return self._run(self._put(build, vectors))

    def digest(self, build: str) -> str:
        """Of the vectors that are stored; empty where none are."""
        return self._run(self._value(_DIGEST, build)) or ""

    def nearest(self, build: str, vector: Floats, count: int) -> list[tuple[int, float]]:
        """Positions with their inner products, the largest first."""
        return self._run(self._nearest(build, vector, count))

    def remove(self, builds: Sequence[str]) -> None:
        """Delete builds."""
        for build in builds:
            self._run(self._value(_REMOVE, build))

    def close(self) -> None:
        """Close the connection and end the thread."""
        if self._loop is None:
            return
        if self._connection is not None:
            self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None
        self._connection = None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:  # one connection does one thing at a time
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SECONDS)

    async def _opened(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await _connect(self._url)
        return self._connection

    async def _put(self, build: str, vectors: Floats) -> str:
        connection = await self._opened()
        rows = ((build, i, vector) for i, vector in enumerate(vectors))
        async with connection.transaction():
            await connection.execute(_REMOVE, build)
            await connection.copy_records_to_table(
                TABLE, records=rows, columns=["build", "position", "embedding"]
            )
            return str(await connection.fetchval(_DIGEST, build))

    async def _value(self, statement: str, build: str) -> Any:
        return await (await self._opened()).fetchval(statement, build)

    async def _nearest(self, build: str, vector: Floats, count: int) -> list[tuple[int, float]]:
        rows = await (await self._opened()).fetch(_NEAREST, build, vector, count)
        return [(int(row["position"]), float(row["cosine"])) for row in rows]


async def _connect(url: str) -> Any:
    try:
        import asyncpg
    except ImportError as error:
        msg = "pgvector needs asyncpg, which is not installed; type: pip install 'kaeshi[postgres]'"
        raise MissingExtra(msg) from error
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_CREATE)
    except asyncpg.PostgresError as error:
        await connection.close()
        msg = (
            f"KNOWLEDGE_INDEX=pgvector, and the database refuses the extension: {error}; install "
            "pgvector there, or have its owner type: CREATE EXTENSION vector"
        )
        raise Misconfigured(msg) from error
    schema = await connection.fetchval(
        "SELECT nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace "
        "WHERE typname = 'vector'"
    )
    await connection.set_type_codec(
        "vector", schema=schema, encoder=_encoded, decoder=_decoded, format="binary"
    )
    return connection


def _encoded(vector: Floats) -> bytes:
    """As pgvector receives it: the dimension and a zero, 16 bits each, then floats, big-endian."""
    head = len(vector).to_bytes(2, "big") + b"\0\0"
    return head + np.asarray(vector, ">f4").tobytes()


def _decoded(raw: bytes) -> Floats:
    return np.frombuffer(raw[4:], ">f4").astype(np.float32)
