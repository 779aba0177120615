"""The wheel alone: built, installed into an empty environment, and used without the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif("WHEEL" not in os.environ, reason="type: make test-wheel")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KAESHI_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=clean | environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment that holds the built wheel and what it requires."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    run(*build, "--wheel-dir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("kaeshi-*.whl")
    run(sys.executable, "-m", "venv", folder / "empty", cwd=folder)
    commands = folder / "empty" / "bin"
    run(commands / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return commands


def test_the_demo_fetches_its_models_and_ends_with_the_readmes_table(
    installed: Path, tmp_path: Path
) -> None:
    assert run(installed / "kaeshi", "--version", cwd=tmp_path).startswith("kaeshi ")
    models = {"KAESHI_MODELS_DIR": str(tmp_path / "models")}
    table = run(installed / "kaeshi", "demo", cwd=tmp_path, **models)
    assert f"```text\n{table}```" in (ROOT / "README.md").read_text()
    assert "present" in run(installed / "kaeshi", "models", "fetch", cwd=tmp_path, **models)


def test_one_own_log_is_imported_rated_and_found(installed: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"messages": [{"role": "user", "content": "When?"}, '
        '{"role": "assistant", "content": "At seven."}], "feedback": {"rating": 5}}\n'
    )
    kaeshi = installed / "kaeshi"
    assert "1 new" in run(kaeshi, "conversation", "import", log, cwd=tmp_path)
    assert "When?" in run(kaeshi, "conversation", "list", cwd=tmp_path)
