"""One suite for every Index: FAISS files, pgvector, and the shipped fake."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kaeshi.errors import InvalidInput
from kaeshi.files import sha256_of
from kaeshi.formats.faq import Written
from kaeshi.loop import Loop
from kaeshi.ports import Index
from kaeshi.providers.faiss_index import FaissIndex
from kaeshi.providers.fake import FakeEmbedder, FakeIndex
from kaeshi.providers.pgvector_index import PgvectorIndex
from kaeshi.steps import builds, knowledge
from kaeshi.steps.faq import import_pairs
from kaeshi.store.vectors import VectorTable


@pytest.fixture
def table(postgres: Callable[[], str]) -> Iterator[VectorTable]:
    made = VectorTable(postgres())
    yield made
    made.close()


@pytest.fixture(params=["faiss", "pgvector", "fake"])
def index(request: pytest.FixtureRequest) -> Index:
    if request.param == "faiss":
        return FaissIndex()
    if request.param == "fake":
        return FakeIndex()
    return PgvectorIndex(request.getfixturevalue("table"))


def vectors_of(count: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((count, 384)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_an_index_finds_the_nearest_first(index: Index, tmp_path: Path) -> None:
    vectors = FakeEmbedder().embed(["salmon for ten", "tofu for two", "rain on friday"])
    index.build(tmp_path / "i", vectors)
    (hits,) = index.search(tmp_path / "i", FakeEmbedder().embed(["tofu for two"]), 2)
    assert hits[0][0] == 1
    assert hits[0][1] == pytest.approx(1, abs=1e-4)
    assert len(hits) == 2


def test_its_search_is_exact(index: Index, tmp_path: Path) -> None:
    vectors, queries = vectors_of(500), vectors_of(20, seed=1)
    index.build(tmp_path / "i", vectors)
    expected = np.sort(queries @ vectors.T, axis=1)[:, ::-1][:, :10]
    for query, hits in zip(queries, index.search(tmp_path / "i", queries, 10), strict=True):
        places = [place for place, _ in hits]
        assert [score for _, score in hits] == pytest.approx(
            (vectors[places] @ query).tolist(), abs=1e-4
        )
    found = [[score for _, score in hits] for hits in index.search(tmp_path / "i", queries, 10)]
    assert np.allclose(found, expected, atol=1e-4)


def test_builds_stand_beside_each_other_and_one_is_removed(index: Index, tmp_path: Path) -> None:
    for name in ("a", "b"):
        index.build(tmp_path / name, vectors_of(5, seed=ord(name)))
    for name in ("a", "b"):
        (hits,) = index.search(tmp_path / name, vectors_of(5, seed=ord(name))[3:4], 1)
        assert hits[0][0] == 3
    index.remove(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert index.search(tmp_path / "b", vectors_of(1), 1)


def test_the_same_vectors_make_the_same_file(index: Index, tmp_path: Path) -> None:
    first = index.build(tmp_path / "i", vectors_of(20))
    assert index.build(tmp_path / "i", vectors_of(20)) == first == sha256_of(tmp_path / "i")


def test_it_can_be_built_and_searched_inside_an_event_loop(index: Index, tmp_path: Path) -> None:
    async def go() -> list[list[tuple[int, float]]]:
        index.build(tmp_path / "i", vectors_of(5))
        return await asyncio.to_thread(index.search, tmp_path / "i", vectors_of(5)[2:3], 1)

    assert asyncio.run(go())[0][0][0] == 2


async def test_the_knowledge_base_refreshes_finds_and_goes_back(loop: Loop, index: Index) -> None:
    loop = replace(loop, index=index)
    pairs = [
        ("a", Written("Do you cook vegan?", "Yes: tofu.")),
        ("b", Written("How far?", "50 miles")),
    ]
    await import_pairs(loop, pairs[:1], by="ann")
    first = await knowledge.refresh(loop)
    await import_pairs(loop, pairs[1:], by="ann")
    await knowledge.refresh(loop)
    assert (await knowledge.search(loop, "How far?", 1))[0].entry.answer == "50 miles"
    done = await builds.revert(loop)
    assert done["build"] == first["index"]
    assert (await knowledge.search(loop, "How far?", 1))[0].entry.answer == "Yes: tofu."


def test_of_vectors_that_changed_in_the_database_none_is_searched(
    table: VectorTable, tmp_path: Path
) -> None:
    path = tmp_path / "i"
    PgvectorIndex(table).build(path, vectors_of(10))
    build = json.loads(path.read_bytes())["build"]
    rng = random.Random(5)
    for _ in range(20):
        changed = vectors_of(10)
        changed[rng.randrange(10), rng.randrange(384)] += 1e-3
        table.put(build, changed)
        with pytest.raises(InvalidInput, match="not those that were written"):
            PgvectorIndex(table).search(path, vectors_of(1), 1)
    table.put(build, vectors_of(10))
    assert PgvectorIndex(table).search(path, vectors_of(1), 1)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"not JSON"])
def test_a_file_that_names_no_build_says_what_to_type(
    table: VectorTable, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "i").write_bytes(content)
    with pytest.raises(InvalidInput, match="kaeshi knowledge refresh"):
        PgvectorIndex(table).search(tmp_path / "i", vectors_of(1), 1)
