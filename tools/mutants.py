"""Mutate the modules of a room and count the mutants that the tests do not notice.

    python tools/mutants.py ROOM [--each N] [--seed S] [--only MODULE]

Takes at most N mutants of each module (cosmic-ray's operators, drawn by the seed), runs the module's
own test file on each in a copy of the tree, and prints survivors. A room is rules, gateway or store.
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COSMIC = ROOT / ".venv" / "mutants" / "bin" / "cosmic-ray"
TIMEOUT_S = 120.0


def tests_of(room: str, module: str) -> str:
    """The test file of a module, else all tests of its room."""
    own = ROOT / "tests" / room / f"test_{module}.py"
    return str(own.relative_to(ROOT)) if own.exists() else f"tests/{room}"


class Run:
    """Runs cosmic-ray in a copy of the tree, which its tests import."""

    def __init__(self, copy: Path) -> None:
        self._copy = copy
        self._env = {**os.environ, "PYTHONPATH": f"{copy / 'src'}:{copy / 'apps/backend/src'}"}

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [COSMIC, *arguments],
            cwd=self._copy,
            env=self._env,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


def mutants_of(copy: Path, room: str, module: str, each: int, seed: int) -> tuple[int, list[str]]:
    """(mutants run, one line per survivor) of one module."""
    python = ROOT / ".venv" / "bin" / "python"
    command = f"{python} -m pytest -x -q -p no:cacheprovider {tests_of(room, module)}"
    config = copy / "mutants.toml"
    config.write_text(
        "[cosmic-ray]\n"
        f'module-path = "src/kaeshi/{room}/{module}.py"\n'
        f"timeout = {TIMEOUT_S}\n"
        "excluded-modules = []\n"
        f'test-command = "{command}"\n'
        '[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    session = copy / f"{module}.sqlite"
    run = Run(copy)
    run("init", config.name, session.name)
    keep_some(session, each, seed)
    run("exec", config.name, session.name)
    found = [json.loads(line) for line in run("dump", session.name).splitlines()]
    survivors = [
        f"{room}/{module}.py:{item['mutations'][0]['start_pos'][0]} "
        f"{item['mutations'][0]['operator_name'].removeprefix('core/')}"
        for item, result in found
        if result is not None and result["test_outcome"] == "survived"
    ]
    return sum(result is not None for _, result in found), survivors


def keep_some(session: Path, each: int, seed: int) -> None:
    """Remove all but `each` of the session's mutants."""
    with sqlite3.connect(session) as db:
        jobs = sorted(row[0] for row in db.execute("select job_id from work_items"))
        kept = set(random.Random(seed).sample(jobs, min(each, len(jobs))))
        for job in jobs:
            if job not in kept:
                db.execute("delete from mutation_specs where job_id = ?", (job,))
                db.execute("delete from work_items where job_id = ?", (job,))


def main() -> None:
    """Print survivors as they are found, and their share at the end."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("room", choices=("rules", "gateway", "store"))
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    wanted = parser.parse_args()
    run, survived = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("src", "tests", "apps", "tools", "docs", "benchmarks", "examples"):
            if (ROOT / name).exists():
                shutil.copytree(ROOT / name, copy / name, dirs_exist_ok=True)
        shutil.copy(ROOT / "pyproject.toml", copy)
        shutil.copy(ROOT / "README.md", copy)
        for path in sorted((ROOT / "src" / "kaeshi" / wanted.room).glob("*.py")):
            if path.stem == "__init__" or wanted.only not in {None, path.stem}:
                continue
            count, found = mutants_of(copy, wanted.room, path.stem, wanted.each, wanted.seed)
            run += count
            survived += len(found)
            print("\n".join([f"{path.stem}: {len(found)} of {count} survive", *found]), flush=True)
    print(f"{survived} of {run} mutants survive ({survived / max(run, 1):.0%})")
    sys.exit(0)


if __name__ == "__main__":
    main()
