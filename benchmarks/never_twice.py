"""Is a training job ever paid twice?

A provider that accepts and answers badly, late lists, two schedulers, and kill -9 at any line.

`python -m benchmarks.never_twice [--cases N] [--seed S] [--json]`. Every case is a database of its
own: a child starts a run as two schedulers at once, or polls it, and is killed at some executed
line of ours; then both go on on a clock that moves, until nothing is open. The provider is a
process of its own behind real HTTP, spoken to by the installed SDK.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from aiohttp import ClientSession, web

import kaeshi.providers.openai as wire
from kaeshi.app import open_loop
from kaeshi.errors import KaeshiError
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock, FakeTokens
from kaeshi.providers.openai import OpenAITrainer
from kaeshi.settings import Settings
from kaeshi.steps import spending, training

NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)
ANSWERS = (
    "ok",
    "500",
    "429",
    "409",
    "hang",
    "reset",
    "html",
    "empty",
    "lost",
)  # lost: not accepted, and answered 500
LAG_MINUTES = 10
MINUTES = (1, 4, 6, 10, 12, 31, 31, 31, 31)
HANG_SECONDS = 0.3
CAP = Decimal(1)
Stage = Literal["start", "poll"]
STAGES: tuple[Stage, ...] = ("start", "poll")
OURS = (
    "/kaeshi/steps/training",
    "/kaeshi/store/training",
    "/kaeshi/rules/training",
    "/kaeshi/providers/openai",
)


@dataclass(frozen=True)
class Case:
    """What goes wrong."""

    answer: str
    late: bool
    drops_metadata: bool
    dies_in: Stage
    die_at: int


class Provider:
    """Files and jobs by case; the case is the API key.

    Its time is what the case last said it is.
    """

    def __init__(self) -> None:
        self.cases: dict[str, Any] = {}

    def case(self, request: web.Request) -> Any:
        name = request.headers["authorization"].removeprefix("Bearer ")
        return self.cases.setdefault(
            name,
            {
                "now": 0.0,
                "files": [],
                "jobs": [],
                "answer": "ok",
                "late": False,
                "drops_metadata": False,
            },
        )

    async def tell(self, request: web.Request) -> web.Response:
        case = self.case(request)
        case.update(await request.json())
        return web.json_response({"jobs": case["jobs"], "now": case["now"]})

    async def upload(self, request: web.Request) -> web.Response:
        case = self.case(request)
        try:
            form = await request.post()
        except ConnectionError:  # the child was killed while it sent the file
            return web.Response(status=499)
        file = {
            "id": f"file-{len(case['files']) + 1}",
            "object": "file",
            "bytes": 1,
            "created_at": 0,
            "purpose": "fine-tune",
        }
        case["files"].append(file | {"filename": form["file"].filename, "status": "processed"})  # type: ignore[union-attr]  # it is a file
        return web.json_response(case["files"][-1])

    async def files(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"object": "list", "data": self.case(request)["files"], "has_more": False}
        )

    async def create(self, request: web.Request) -> web.StreamResponse:
        case = self.case(request)
        wanted = await request.json()
        answer = case["answer"]
        job = {
            "id": f"ftjob-{len(case['jobs']) + 1}",
            "object": "fine_tuning.job",
            "status": "running",
            "model": wanted["model"],
            "training_file": wanted["training_file"],
            "seed": wanted["seed"],
            "created_at": 0,
            "metadata": None if case["drops_metadata"] else wanted["metadata"],
        }
        if answer != "lost":
            case["jobs"].append(job | {"at": case["now"]})
        if answer == "hang":
            await asyncio.sleep(3 * HANG_SECONDS)
        if answer == "reset":
            assert request.transport is not None
            request.transport.abort()
        if answer == "html":
            return web.Response(
                text="<html><body>Bad gateway</body></html>", content_type="text/html"
            )
        if answer == "empty":
            return web.json_response({})
        if answer in {"500", "429", "409", "lost"}:
            status = 500 if answer == "lost" else int(answer)
            return web.json_response(
                {"error": {"message": "try again", "type": "server_error"}}, status=status
            )
        return web.json_response(job)

    async def jobs(self, request: web.Request) -> web.Response:
        case = self.case(request)
        behind = LAG_MINUTES * 60 if case["late"] else 0
        shown = [job for job in case["jobs"][::-1] if job["at"] + behind <= case["now"]]
        return web.json_response({"object": "list", "data": shown, "has_more": False})

    async def job(self, request: web.Request) -> web.Response:
        found = next(
            job for job in self.case(request)["jobs"] if job["id"] == request.match_info["name"]
        )
        return web.json_response(
            found | {"status": "succeeded", "fine_tuned_model": "ft:x", "trained_tokens": 10}
        )

    async def none(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [], "has_more": False})


def serve(write: int) -> None:
    """Run the provider; its port goes to `write`."""

    async def go() -> None:
        provider = Provider()
        app = web.Application()
        app.add_routes(
            [
                web.post("/tell", provider.tell),
                web.post("/v1/files", provider.upload),
                web.get("/v1/files", provider.files),
                web.post("/v1/fine_tuning/jobs", provider.create),
                web.get("/v1/fine_tuning/jobs", provider.jobs),
                web.get("/v1/fine_tuning/jobs/{name}", provider.job),
                web.get("/v1/fine_tuning/jobs/{name}/checkpoints", provider.none),
            ]
        )
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        os.write(write, f"{site._server.sockets[0].getsockname()[1]}\n".encode())  # type: ignore[union-attr]  # aiohttp tells the port nowhere else
        await asyncio.Event().wait()

    asyncio.run(go())


class SteadyIds:
    """Ids that no other process makes."""

    def new(self, prefix: str) -> str:
        return f"{prefix}_{os.urandom(12).hex()}"


async def schedulers(folder: Path, port: int, case: Case, stage: Stage) -> dict[str, Any]:
    """Two schedulers on one database.

    They start the run, or poll until nothing is open, from when they were killed.
    """
    base = f"http://127.0.0.1:{port}"
    settings = Settings(
        kaeshi_data_dir=folder,
        kaeshi_names="lists",
        training_price_per_million_usd=Decimal(10_000),
        training_cap_run_usd=CAP,
        training_cap_month_usd=CAP,
    )
    clock = FakeClock(NOON)
    async with (
        open_loop(settings=settings, clock=clock, ids=SteadyIds()) as one,
        open_loop(settings=settings, clock=clock, ids=SteadyIds()) as two,
    ):
        trainers = [OpenAITrainer(api_key=folder.name, base_url=f"{base}/v1") for _ in range(2)]
        loops = [
            replace(loop, trainer=trainer, tokens=FakeTokens())
            for loop, trainer in zip((one, two), trainers, strict=True)
        ]
        async with ClientSession(headers={"authorization": f"Bearer {folder.name}"}) as http:

            async def tell(**said: object) -> Any:
                async with http.post(f"{base}/tell", json=said) as response:
                    return await response.json()

            clock.time = max(NOON, datetime.fromtimestamp((await tell())["now"], UTC))
            await tell(
                now=clock.now().timestamp(),
                answer=case.answer,
                late=case.late,
                drops_metadata=case.drops_metadata,
            )
            await asyncio.gather(*(begin(loop, folder / "train.jsonl") for loop in loops))
            for minutes in MINUTES if stage == "poll" else ():
                clock.advance(minutes=minutes)
                await tell(now=clock.now().timestamp())
                await asyncio.gather(*(training.resume(loop) for loop in loops))
            jobs = (await tell())["jobs"]
            runs = await training.history(loops[0])
            money = await spending.money(loops[0])
        for trainer in trainers:
            await trainer.close()
    return {
        "jobs": len(jobs),
        "runs": [run.state for run in runs],
        "committed": money["committed_usd"],
    }


async def prepared(folder: Path) -> None:
    """Make the tables, once for all cases."""
    async with open_loop(settings=Settings(kaeshi_data_dir=folder, kaeshi_names="lists")):
        return


async def begin(loop: Loop, path: Path) -> None:
    """What a scheduler does; a bad answer is nothing new."""
    try:
        await training.start(loop, await training.upload(loop, path), "gpt-4o-mini", "x", 1)
    except KaeshiError:
        return


def forked(folder: Path, port: int, case: Case, stage: Stage) -> tuple[int, Any]:
    """Run schedulers in a child that kills itself at the case's line.

    Returns lines of ours that ran, and what it found (None: killed).
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        with os.fdopen(read) as stream:
            said = stream.read()
        os.waitpid(pid, 0)
        return (json.loads(said)["lines"], json.loads(said)["found"]) if said else (0, None)
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if not any(part in frame.f_code.co_filename for part in OURS):
            return None
        if event == "line":
            lines += 1
            if lines == case.die_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    if stage == case.dies_in and case.die_at >= 0:
        threading.settrace(trace)
        sys.settrace(trace)
    try:
        wire.CREATE_SECONDS = HANG_SECONDS
        found = asyncio.run(schedulers(folder, port, case, stage))
        os.write(write, json.dumps({"lines": lines, "found": found}).encode())
    finally:
        os._exit(0)


def run(count: int, seed: int, show: bool = False) -> dict[str, Any]:
    """So many cases; counts of what they ended in."""
    read, write = os.pipe()
    provider = os.fork()
    if not provider:
        serve(write)
    port = int(os.read(read, 20))
    chance = random.Random(seed)
    ends = Counter[str]()
    worst = 0
    over = 0
    killed = 0
    began = time.monotonic()
    bad: list[str] = []
    try:
        with tempfile.TemporaryDirectory() as scratch:
            template = Path(scratch) / "template"
            template.mkdir()
            row = {
                "messages": [
                    {"role": "user", "content": "when are you open"},
                    {"role": "assistant", "content": "from nine to five"},
                ]
            }
            (template / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for _ in range(4)))
            if not (made := os.fork()):
                asyncio.run(prepared(template))
                os._exit(0)
            os.waitpid(made, 0)
            whole = Path(shutil.copytree(template, Path(scratch) / "whole"))
            never = Case("500", late=True, drops_metadata=True, dies_in="start", die_at=0)
            total: dict[Stage, int] = {"start": forked(whole, port, never, "start")[0]}
            total["poll"] = forked(whole, port, replace(never, dies_in="poll"), "poll")[0]
            for number in range(count):
                answer = ANSWERS[number % len(ANSWERS)]
                late = chance.random() < 0.5
                drops = chance.random() < 0.5
                stage = STAGES[number % 2]
                case = Case(answer, late, drops, stage, 1 + chance.randrange(total[stage]))
                folder = Path(shutil.copytree(template, Path(scratch) / f"case-{seed}-{number}"))
                for each in STAGES[: STAGES.index(stage) + 1]:
                    killed += forked(folder, port, case, each)[1] is None
                _, found = forked(folder, port, replace(case, die_at=-1), "poll")
                end = "nothing" if found is None or len(found["runs"]) != 1 else found["runs"][0]
                fine = end == "unknown" or (end == "succeeded" and found["jobs"] == 1)
                ends[f"{answer}: {end}" if show else end] += 1
                worst = max(worst, found["jobs"] if found else 0)
                over += found is not None and Decimal(found["committed"]) > CAP
                if not fine or (found and found["jobs"] > 1):
                    bad.append(f"{case} {found}")
                shutil.rmtree(folder)
    finally:
        os.kill(provider, signal.SIGTERM)
        os.waitpid(provider, 0)
    return {
        "cases": count,
        "killed": killed,
        "most_jobs": worst,
        "over_the_cap": over,
        "ends": dict(sorted(ends.items())),
        "bad": bad,
        "seconds": round(time.monotonic() - began),
    }


def main() -> None:
    """Print the counts, or JSON with --json; fails if anything was paid twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = run(wanted.cases, wanted.seed, show=True)
    if wanted.json:
        print(json.dumps(found, indent=1))
    else:
        print(
            f"{found['cases']} cases, {found['killed']} killed in the middle, {found['seconds']} s"
        )
        print(
            f"jobs per dataset: at most {found['most_jobs']}; over the cap: "
            f"{found['over_the_cap']}; not as promised: {len(found['bad'])}"
        )
        for end, times in found["ends"].items():
            print(f"  {end:24} {times}")
        sys.stdout.writelines(f"  {line}\n" for line in found["bad"][:20])
    sys.exit(bool(found["bad"]) or found["over_the_cap"] > 0)


if __name__ == "__main__":
    main()
