"""Builds of the knowledge base as files: written beside, checked, made current, reverted, pinned.

A build is named after its content and never changes. The manifest names the current one; a
candidate may name another, so that it goes through a rollout before everybody reads it.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.files import sha256_of, write_whole
from kaeshi.loop import Loop
from kaeshi.nouns import Entry, Json
from kaeshi.ports import Vectors
from kaeshi.rules.retrieval import Answerer
from kaeshi.steps import answering

Fitted = tuple[Answerer, NDArray[np.int64]]
MANIFEST = frozenset({"build", "file", "sha256", "embedder"})
KEPT = 2  # the current one, and its predecessor for requests that are being answered


def manifest_path(loop: Loop) -> Path:
    """The file that changes when another index is swapped in."""
    return loop.folder("knowledge") / "manifest.json"


def current(loop: Loop) -> Json:
    """The manifest of the index in use.

    Raises NotFound when there is none, InvalidInput when the index file is another.
    """
    path = manifest_path(loop)
    if not path.exists():
        msg = f"assistant {loop.assistant!r} has no knowledge index; type: kaeshi knowledge refresh"
        raise NotFound(msg)
    return _checked(loop, _read_manifest(path))


async def pinned(loop: Loop, build: str) -> Json:
    """The manifest of a build, be it current or not. Raises as `current` does."""
    async with loop.store.read() as tx:
        manifest = await tx.knowledge.build(loop.assistant, build)
    if manifest is None:
        msg = (
            f"knowledge build {build!r} of assistant {loop.assistant!r} is not stored; make "
            "another with `kaeshi training start --method knowledge`"
        )
        raise NotFound(msg)
    return _checked(loop, manifest)


def _checked(loop: Loop, manifest: Json) -> Json:
    index = loop.folder("knowledge") / manifest["file"]
    if not index.is_file() or sha256_of(index) != manifest["sha256"]:
        msg = (
            f"knowledge index {str(index)!r} is {'not' if index.is_file() else 'missing or not'} "
            "the file its manifest names; type: kaeshi knowledge refresh"
        )
        raise InvalidInput(msg)
    if manifest["embedder"] != loop.embedder.name:
        msg = (
            f"knowledge index {str(index)!r} is built with {manifest['embedder']!r}, and questions "
            f"are embedded with {loop.embedder.name!r}; type: kaeshi knowledge refresh"
        )
        raise InvalidInput(msg)
    return {**manifest, "path": str(index)}


def _read_manifest(path: Path) -> Json:
    """The manifest as it was written. Raises InvalidInput for anything else."""
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not manifest.keys() >= MANIFEST:
        msg = f"the manifest {str(path)!r} is damaged; type: kaeshi knowledge refresh"
        raise InvalidInput(msg)
    return manifest


async def swap_in(
    loop: Loop, approved: list[Entry], vectors: Vectors, answerer: Fitted | None
) -> str:
    """Write files, lineage and manifest, in this order; returns the build.

    Until the manifest is renamed, readers see the old index whole.
    """
    manifest = await write(loop, approved, vectors, answerer)
    build = str(manifest["build"])
    async with loop.store.write() as tx:
        await tx.knowledge.make_current(loop.assistant, build, loop.clock.now())
    folder = loop.folder("knowledge")
    _make_current(folder, manifest)
    await _remove_old(loop, folder, folder / manifest["file"])
    return build


async def write(
    loop: Loop, approved: list[Entry], vectors: Vectors, answerer: Fitted | None
) -> Json:
    """Write a build's files and lineage beside the current one; returns its manifest."""
    content = answering.packed(*answerer) if answerer else b""
    build = _build_id(approved, content)
    folder = loop.folder("knowledge")
    file = f"{build}.faiss"
    digest = loop.index.build(folder / file, vectors)
    manifest = _index_manifest(build, file, digest, approved, loop)
    if content:
        manifest["answerer"] = _written(folder / f"{build}.npz", content)
    async with loop.store.write() as tx:
        await tx.knowledge.add_index_build(
            loop.assistant, build, str(folder / file), manifest, [e.id for e in approved]
        )
    return manifest


async def revert(loop: Loop) -> Json:
    """Put the build before the present one in its place, bit for bit.

    Entries that were rejected or withdrawn since stay hidden even so. Raises NotFound where
    no earlier build is kept.
    """
    now = current(loop)["build"]
    folder = loop.folder("knowledge")
    async with loop.store.read() as tx:
        builds = await tx.knowledge.builds(loop.assistant)
    earlier = [m for m in builds if m["build"] != now and _is_whole(folder, m)]
    if not earlier:
        msg = f"no build before {now!r} is kept; `kaeshi knowledge refresh` makes one"
        raise NotFound(msg)
    async with loop.store.write() as tx:
        await tx.knowledge.make_current(loop.assistant, earlier[0]["build"], loop.clock.now())
    _make_current(folder, earlier[0])
    return {"build": earlier[0]["build"], "instead_of": now, "sha256": earlier[0]["sha256"]}


def _is_whole(folder: Path, manifest: Json) -> bool:
    """Whether the build's files are there and are the ones that were written."""
    files = [manifest, manifest["answerer"]] if "answerer" in manifest else [manifest]
    return all(
        (folder / named["file"]).is_file() and sha256_of(folder / named["file"]) == named["sha256"]
        for named in files
    )


def _make_current(folder: Path, manifest: Json) -> None:
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True).encode())


def _written(path: Path, content: bytes) -> Json:
    return {"file": path.name, "sha256": write_whole(path, content)}


def _build_id(approved: list[Entry], answerer: bytes) -> str:
    """The same entries and the same answerer make the same build."""
    content = "\n".join(f"{e.id} {e.answer}" for e in approved).encode()
    return f"kb_{hashlib.sha256(content + hashlib.sha256(answerer).digest()).hexdigest()[:16]}"


async def _remove_old(loop: Loop, folder: Path, current_file: Path) -> None:
    """Delete the indexes that no reader can be using."""
    async with loop.store.read() as tx:
        named = await tx.candidates.builds_named(loop.assistant)
    others = [
        path
        for path in folder.glob("kb_*.faiss")
        if path != current_file and path.stem not in named
    ]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT - 1 :]:
        loop.index.remove(path)
        path.with_suffix(".npz").unlink(missing_ok=True)


def _index_manifest(
    build: str, file: str, digest: str, approved: list[Entry], loop: Loop
) -> dict[str, object]:
    return {
        "build": build,
        "file": file,
        "sha256": digest,
        "entries": len(approved),
        "embedder": loop.embedder.name,
    }
