"""Examples beside the question: a build of them, and the ones for a conversation.

A build is written once and never changed. A candidate names its build, or it reads the current one,
which is renewed each night (steps/renewal.py).
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Container, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import InvalidInput, NotFound, TooFew
from kaeshi.files import sha256_of, write_whole
from kaeshi.formats.training_rows import parse_row
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.ports import Embedder, Vectors
from kaeshi.rules import examples as rules
from kaeshi.rules.examples import Pair
from kaeshi.steps import dataset
from kaeshi.steps.embedding import vectors_of
from kaeshi.steps.overtaken import overtaken
from kaeshi.store.verbs import chunks

ENTRY = "kb_"  # of an entry's id
LEAST = 20  # examples, below which a build is refused
MOST = 20_000  # examples, the newest; a search through them takes two milliseconds
KEPT = 16  # builds in memory
PARTS = ("build", "learned")  # of a listed build: what is shown, and what it is checked by
REMEMBERED = 4096  # questions
HIDDEN = 8  # examples to spare: some may not be shown now


@dataclass(frozen=True, kw_only=True)
class Build:
    """Examples, their questions' unit vectors, shape (n, d), and what each costs in tokens."""

    id: str
    pairs: tuple[Pair, ...]
    vectors: Vectors
    tokens: tuple[int, ...]

    def of(self, origins: Container[str]) -> "Build":
        """The part that comes from these conversations and entries."""
        kept = [i for i, pair in enumerate(self.pairs) if pair.conversation in origins]
        return Build(
            id=self.id,
            pairs=tuple(self.pairs[i] for i in kept),
            vectors=self.vectors[kept],
            tokens=tuple(self.tokens[i] for i in kept),
        )


async def collected(loop: Loop) -> list[Path]:
    """The files of a dataset of all that is collected, which is built and registered."""
    return dataset.files(await dataset.write(loop, await dataset.build(loop, least=LEAST)))


async def write(
    loop: Loop, files: Sequence[Path], *, is_clean: bool = False
) -> tuple[Build, Counter[str]]:
    """Write a build of the files' last exchanges; returns it, and what was not taken, by reason.

    The same examples make the same build. Nothing that repeats a test case is taken, or that an
    approved entry says otherwise (`is_clean`: that was seen to when the files were built). Raises
    TooFew below LEAST examples, InvalidInput for a file that is not training data.
    """
    dropped: Counter[str] = Counter()
    found = [pair for path in files for pair in await _pairs_in(loop, path, dropped)]
    pairs = found if is_clean else await _allowed(loop, found, dropped)
    distinct = rules.latest(pairs)[-MOST:]
    dropped["repeated"] += len(pairs) - len(distinct)
    dropped = +dropped
    if len(distinct) < LEAST:
        raise TooFew(_too_few(len(distinct), files, dropped))
    return await of_pairs(loop, distinct), dropped


def _too_few(left: int, files: Sequence[Path], dropped: Counter[str]) -> str:
    reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(dropped.items()))
    why = f"; not taken: {reasons}" if reasons else ""
    return f"{left} examples are left of {', '.join(map(str, files))}, {LEAST} are needed{why}"


async def of_pairs(loop: Loop, pairs: Sequence[Pair]) -> Build:
    """Write a build of these examples."""
    vectors, _ = await vectors_of(loop, [pair.question for pair in pairs])
    texts = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs).encode()
    build = f"ex_{hashlib.sha256(texts + loop.embedder.name.encode()).hexdigest()[:16]}"
    folder = loop.folder("examples")
    manifest = {
        "build": build,
        "examples": len(pairs),
        "embedder": loop.embedder.name,
        "texts": write_whole(folder / f"{build}.jsonl", texts),
        "vectors": write_whole(folder / f"{build}.npz", _packed(loop, pairs, vectors)),
    }
    # last: a build without a manifest is not there
    write_whole(folder / f"{build}.json", json.dumps(manifest, indent=1, sort_keys=True).encode())
    return read(loop, build)


def _packed(loop: Loop, pairs: Sequence[Pair], vectors: Vectors) -> bytes:
    """The vectors, and what each pair costs in tokens."""
    model = loop.settings.fine_tune_base_model
    tokens = [loop.tokens.count([pair.question, pair.answer], model) for pair in pairs]
    packed = io.BytesIO()
    np.savez(packed, vectors=vectors, tokens=np.asarray(tokens, np.int32))
    return packed.getvalue()


def list_path(loop: Loop) -> Path:
    """The file that names the current build, and those before it."""
    return loop.folder("examples") / "manifest.json"


def listed(loop: Loop) -> list[Json]:
    """The builds that were current, each with since when, the current one last."""
    path = list_path(loop)
    if not path.is_file():
        return []
    return _listed(path, path.stat().st_mtime_ns)


@lru_cache(64)
def _listed(path: Path, _changed: int) -> list[Json]:
    """Read once, until it is written again. Raises InvalidInput for anything else."""
    try:
        found = json.loads(path.read_bytes())["builds"]
        if all(isinstance(named[part], str) for named in found for part in PARTS):
            return list(found)
    except (ValueError, KeyError, TypeError):
        pass
    msg = f"the manifest {str(path)!r} is damaged; type: kaeshi examples refresh"
    raise InvalidInput(msg)


def current(loop: Loop) -> str:
    """The name of the current build. Raises NotFound before the first `renew`."""
    found = listed(loop)
    if not found:
        msg = f"assistant {loop.assistant!r} has no examples; type: kaeshi examples refresh"
        raise NotFound(msg)
    return str(found[-1]["build"])


def read(loop: Loop, build: str) -> Build:
    """A build, checked. Raises NotFound where it is missing, InvalidInput where it was changed."""
    return _read(loop.folder("examples"), build, loop.embedder.name)


@lru_cache(KEPT)
def _read(folder: Path, build: str, embedder: str) -> Build:
    """Read once, and checked then: a build never changes."""
    manifest = _manifest(folder, build, embedder)
    text_file = _whole(folder / f"{build}.jsonl", manifest["texts"])
    vector_file = _whole(folder / f"{build}.npz", manifest["vectors"])
    lines = text_file.read_text(encoding="utf-8").splitlines()
    with np.load(vector_file, allow_pickle=False) as stored:
        return Build(
            id=build,
            pairs=tuple(Pair(*json.loads(line)) for line in lines),
            vectors=stored["vectors"],
            tokens=tuple(stored["tokens"].tolist()),
        )


def _manifest(folder: Path, build: str, embedder: str) -> Json:
    path = folder / f"{build}.json"
    if not path.is_file():
        msg = (
            f"examples {build!r} are not in {str(folder)!r}; make them again with `kaeshi training "
            "start --method examples`"
        )
        raise NotFound(msg)
    manifest = _parsed(path, build)
    if manifest["embedder"] != embedder:
        msg = (
            f"examples {build!r} are embedded with {manifest['embedder']!r}, and questions with "
            f"{embedder!r}"
        )
        raise InvalidInput(msg)
    return manifest


def _parsed(path: Path, build: str) -> Json:
    """The manifest as it was written. Raises InvalidInput for anything else."""
    try:
        manifest: Json = json.loads(path.read_bytes())
        if all(isinstance(manifest[part], str) for part in ("embedder", "texts", "vectors")):
            return manifest
    except (ValueError, KeyError, TypeError):
        pass
    msg = (
        f"the manifest of examples {build!r} is damaged; make them again with `kaeshi training "
        "start --method examples`"
    )
    raise InvalidInput(msg)


def _whole(path: Path, digest: str) -> Path:
    """The path, if the file is the one that was written. Raises InvalidInput."""
    if not path.is_file() or sha256_of(path) != digest:
        msg = f"{str(path)!r} is missing or not the file its manifest names"
        raise InvalidInput(msg)
    return path


def nearest(loop: Loop, build: Build, question: str, count: int) -> list[int]:
    """Places of the examples for a question, some to spare, the best first.

    It computes; inside a server call it in a thread. The same question is looked up once: the
    mirror and a second try ask it again.
    """
    embedder = cast("Hashable", loop.embedder)
    return list(_nearest(embedder, loop.folder("examples"), build.id, question, count))


@lru_cache(REMEMBERED)
def _nearest(
    embedder: Hashable, folder: Path, name: str, question: str, count: int
) -> tuple[int, ...]:
    asker = cast("Embedder", embedder)
    build = _read(folder, name, asker.name)
    scores = build.vectors @ asker.embed([question])[0]
    near = _best(scores, min(count * rules.SPARE, len(scores)))
    order = rules.chosen(scores[near], build.vectors[near], count + HIDDEN)
    return tuple(int(near[place]) for place in order)


def _best(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of the best scores, the best first."""
    near = np.argpartition(-scores, count - 1)[:count]
    return near[np.argsort(-scores[near], kind="stable")]


def is_entry(origin: str) -> bool:
    """Whether it comes from an entry of the knowledge base, and not from a conversation."""
    return origin.startswith(ENTRY)


async def showable(loop: Loop, origins: Sequence[str], customer: str = "") -> set[str]:
    """Those of these conversations and entries that may be shown to this customer now.

    Not what was withdrawn, rejected or erased, nor what the customer said; what has no origin may.
    """
    whose = loop.store.keyring.pseudonym(loop.assistant, customer, "c") if customer else ""
    entries = [origin for origin in origins if is_entry(origin)]
    said = [origin for origin in origins if origin and not is_entry(origin)]
    shown = {""}
    async with loop.store.read() as tx:
        for part in chunks(said):
            shown |= await tx.examples.showable(loop.assistant, part, whose)
        for part in chunks(entries):
            shown |= await tx.knowledge.open_among(loop.assistant, part, loop.clock.now())
    return shown


async def _pairs_in(loop: Loop, path: Path, dropped: Counter[str]) -> list[Pair]:
    lines = _lines(path)
    origins = await _origins(loop, path) or [""] * len(lines)
    found: list[Pair] = []
    for number, (raw, origin) in enumerate(zip(lines, origins, strict=True)):
        pair = rules.pair_of(_messages_of(raw, path, number), origin)
        if isinstance(pair, str):
            dropped[pair] += 1
        else:
            found.append(pair)
    return found


async def _origins(loop: Loop, path: Path) -> list[str]:
    """The conversation or entry of each row, where the file is of a dataset that was built here.

    Wherever it lies; empty for another file. Raises InvalidInput for one that was changed since.
    """
    digest = sha256_of(path)
    async with loop.store.read() as tx:
        name = await tx.datasets.of_file(loop.assistant, digest)
        manifest = await tx.datasets.manifest(loop.assistant, name) if name else {}
    if not manifest:
        _check_unchanged(path)
    return _rows_of(manifest, digest)


def _rows_of(manifest: Json, digest: str) -> list[str]:
    """The origins of a file's rows, by the manifest of its dataset."""
    names = {named["sha256"]: name for name, named in manifest.get("files", {}).items()}
    split = Path(names.get(digest, "")).stem
    rows = [row for row in manifest.get("lineage", ()) if split in {row["split"], "all"}]
    return [row.get("conversation") or row.get("entry", "") for row in rows]


def _check_unchanged(path: Path) -> None:
    """Raise InvalidInput for a dataset's file that was edited: its rows' origins are lost."""
    try:
        named = json.loads((path.parent / "manifest.json").read_bytes())["files"][path.name]
    except (OSError, ValueError, KeyError, TypeError):
        return
    msg = (
        f"{str(path)!r} is not the file that its manifest names ({named}): what is in it can not "
        "be withheld from the customers who said it. Build the dataset again"
    )
    raise InvalidInput(msg)


def _messages_of(raw: bytes, path: Path, number: int) -> list[Json]:
    try:
        return list(parse_row(raw)["messages"])
    except InvalidInput as error:
        msg = f"{str(path)!r} line {number + 1}: {error}"
        raise InvalidInput(msg) from error


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        msg = f"training file {str(path)!r} cannot be read: {error.strerror}"
        raise InvalidInput(msg) from error


async def _allowed(loop: Loop, pairs: list[Pair], dropped: Counter[str]) -> list[Pair]:
    """Without what repeats a test case, and what a person's word has overtaken."""
    texts = [f"{pair.question}\n{pair.answer}" for pair in pairs]
    leaks = await dataset.repeat_cases(loop, texts, [pair.question for pair in pairs])
    left = _without(pairs, leaks, "test_case", dropped)
    return _without(left, await overtaken(loop, left), "overtaken", dropped)


def _without(
    pairs: list[Pair], is_out: Sequence[bool], why: str, dropped: Counter[str]
) -> list[Pair]:
    dropped[why] += sum(is_out)
    return [pair for pair, out in zip(pairs, is_out, strict=True) if not out]
