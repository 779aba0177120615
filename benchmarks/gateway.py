"""The gateway beside LiteLLM's proxy, Portkey's gateway and a direct call.

Same upstream, same run, one core.

`python -m benchmarks.gateway [--litellm PYTHON] [--portkey FOLDER] [--seconds N] [--rounds N]
[--json]`. The gateway under test has one core, the upstream and the load (wrk, from Debian) the
other. Ours assigns customers of a live canary and logs every request; the peers log nothing.
benchmarks/peers/README.md installs the peers; one that is not named is left out.

The run fails unless requests in the database and reported drops together are the requests that the
upstream was asked, and unless every answer that a client has read is in the database after the
gateway was killed (SIGKILL) under load.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import aiohttp

TEXT = "We have a table for ten at seven, on the terrace if it stays dry. " * 4
STREAM_PIECES = 20
STREAM_PAUSE = 0.05
STREAMS = 200
SLOW_MS = 20
WATCHED_S = 2
WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local n = 0
function request()
  n = n + 1
  local body = string.format('{{"model":"{model}","messages":[{{"role":"system","content":"You are the concierge of a hibachi caterer."}},' ..
    '{{"role":"user","content":"Hello, do you have a table for %d people at seven on Friday?"}}],"user":"guest %d"{more}}}', n % 40, n % 5000)
  return wrk.format(nil, nil, nil, body)
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %f %f %f %f\\n", summary.requests, summary.errors.status + summary.errors.read + summary.errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.mean / 1e3))
end
"""  # noqa: E501
Scope = MutableMapping[str, Any]
Calls = Callable[..., Awaitable[Any]]
_asked = 0


async def upstream(scope: Scope, receive: Calls, send: Calls) -> None:
    """A model that answers at once, or after `seed` milliseconds, whole or in pieces.

    It tells how often it was asked.
    """
    global _asked  # noqa: PLW0603  # one process, one thread
    if scope["type"] != "http":
        return
    raw = b""
    while True:
        event = await receive()
        raw += event.get("body", b"")
        if not event.get("more_body"):
            break
    if scope["path"] == "/asked":
        await _send(send, str(_asked).encode(), b"text/plain")
        return
    _asked += 1
    wanted = json.loads(raw)
    if wanted.get("seed"):
        await asyncio.sleep(wanted["seed"] / 1000)
    about = {"id": "chatcmpl-1", "created": 1, "model": wanted["model"]}
    if not wanted.get("stream"):
        message = {"role": "assistant", "content": TEXT, "refusal": None}
        choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
        usage = {"prompt_tokens": 120, "completion_tokens": 60, "total_tokens": 180}
        await _send(
            send,
            json.dumps(
                {**about, "object": "chat.completion", "choices": [choice], "usage": usage}
            ).encode(),
            b"application/json",
        )
        return
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream")],
        }
    )
    for number in range(STREAM_PIECES + 1):
        delta, finish = ({"content": "word "}, None) if number < STREAM_PIECES else ({}, "stop")
        event = {
            **about,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
        await send(
            {
                "type": "http.response.body",
                "body": b"data: " + json.dumps(event).encode() + b"\n\n",
                "more_body": True,
            }
        )
        await asyncio.sleep(STREAM_PAUSE)
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


async def _send(send: Calls, body: bytes, kind: bytes) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", kind), (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


class Served:
    """A server in processes of its own on one core: its base URL, and the CPU time it has used."""

    def __init__(
        self, url: str, process: subprocess.Popen[bytes], headers: dict[str, str], model: str
    ) -> None:
        self.url = url
        self.process = process
        self.headers = headers
        self.model = model

    def cpu_ms(self, *, without: str = "\0", only: str = "") -> float:
        """Of all its processes, less those whose command line holds `without`."""
        ticks = 0
        for pid in _tree(self.process.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                command = (
                    Path(f"/proc/{pid}/cmdline")
                    .read_bytes()
                    .replace(b"\0", b" ")
                    .decode(errors="replace")
                )
                if without not in command and only in command:
                    fields = (
                        Path(f"/proc/{pid}/stat")
                        .read_text(encoding="utf-8")
                        .rsplit(") ", 1)[1]
                        .split()
                    )
                    ticks += int(fields[11]) + int(fields[12])
        return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children.setdefault(
                int(stat.read_text(encoding="utf-8").rsplit(") ", 1)[1].split()[1]), []
            ).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


@contextlib.contextmanager
def served(
    command: list[str],
    url: str,
    core: int,
    *,
    env: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    model: str = "m",
    log: Path,
) -> Iterator[Served]:
    """Run a server pinned to a core until its port answers; end it, and only it, afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env={**os.environ, **(env or {})},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        port = int(url.split(":")[2].partition("/")[0])
        for _ in range(600):
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), timeout=1),
            ):
                break
            if process.poll() is not None:
                sys.exit(
                    f"{command[0]} ended at once:\n"
                    f"{log.read_text(encoding='utf-8', errors='replace')[-2000:]}"
                )
            time.sleep(0.2)
        time.sleep(2)
        yield Served(url, process, headers or {}, model)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wrk(to: Served, clients: int, seconds: float, folder: Path, more: str = "") -> dict[str, float]:
    """Load with so many connections.

    Requests, failures, requests/s, p50 and p99 in milliseconds.
    """
    script = folder / "load.lua"
    script.write_text(
        WRK.format(model=to.model, more=more.replace('"', '\\"').replace('\\"', '"')),
        encoding="utf-8",
    )
    headers = [part for name, value in to.headers.items() for part in ("-H", f"{name}: {value}")]
    command = [
        "taskset",
        "-c",
        "0",
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{seconds:g}s",
        "-s",
        str(script),
        *headers,
        f"{to.url}/chat/completions",
    ]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if match := re.search(r"Non-2xx or 3xx responses: (\d+)", told):
        sys.exit(f"{to.url}: {match[1]} answers were errors\n{told}")
    requests, errors, duration, p50, p99, _ = map(float, told.split("RESULT")[1].split()[:6])
    return {
        "requests": requests,
        "errors": errors,
        "per_s": requests / duration,
        "p50_ms": p50,
        "p99_ms": p99,
    }


async def streams(to: Served) -> dict[str, float]:
    """So many streams at once.

    How many came whole, and the slowest first piece and end in seconds.
    """
    body = {"model": to.model, "messages": [{"role": "user", "content": "hello"}], "stream": True}

    async def one(session: aiohttp.ClientSession, number: int) -> tuple[float, float, bool]:
        began = time.perf_counter()
        first = 0.0
        text = b""
        async with session.post(
            f"{to.url}/chat/completions", json={**body, "user": f"s{number}"}, headers=to.headers
        ) as response:
            async for piece in response.content.iter_any():
                first = first or time.perf_counter() - began
                text += piece
        return (
            first,
            time.perf_counter() - began,
            text.count(b'"word ') == STREAM_PIECES and b"[DONE]" in text,
        )

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        found = await asyncio.gather(*(one(session, n) for n in range(STREAMS)))
    return {
        "whole": sum(ok for *_, ok in found),
        "first_piece_s": max(first for first, *_ in found),
        "end_s": max(end for _, end, _ in found),
    }


def _settled(to: Served) -> None:
    """Wait until what the full load left to be done is done.

    What a request waits for is measured at a load that lasts.
    """
    before = -1.0
    while (now := to.cpu_ms()) - before > 50 * WATCHED_S:
        before = now
        time.sleep(WATCHED_S)


def measure(to: Served, seconds: float, rounds: int, folder: Path) -> dict[str, Any]:
    """Throughput and CPU of 16 connections, waiting time of two at a slow upstream, streams."""
    wrk(to, 16, 2, folder)
    full = []
    for _ in range(rounds):
        before = to.cpu_ms(without="gateway work")
        run = wrk(to, 16, seconds, folder)
        full.append(
            run | {"cpu_ms": (to.cpu_ms(without="gateway work") - before) / run["requests"]}
        )
    _settled(to)
    slow = [wrk(to, 2, seconds, folder, f',"seed":{SLOW_MS}') for _ in range(rounds)]
    return {
        "requests_per_s": statistics.median(run["per_s"] for run in full),
        "cpu_ms_per_request": statistics.median(run["cpu_ms"] for run in full),
        "p50_ms_at_slow_upstream": statistics.median(run["p50_ms"] for run in slow),
        "p99_ms_at_slow_upstream": statistics.median(run["p99_ms"] for run in slow),
        "errors": sum(run["errors"] for run in (*full, *slow)),
        "streams": asyncio.run(streams(to)),
    }


def ours_env(folder: Path, up: str) -> dict[str, str]:
    """What our gateway reads."""
    return {
        "KAESHI_DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'kaeshi.db'}",
        "OPENAI_BASE_URL": up,
        "OPENAI_API_KEY": "none",
        "KAESHI_NAMES": "lists",
        "GATEWAY_MIRROR_PER_SECOND": "100000",
        "GATEWAY_SPOOL_MB": "4096",
    }


async def prepare(folder: Path, up: str, *, hours: float) -> None:
    """A production and a candidate: mirrored for so many hours, or in its canary with none."""
    from kaeshi.app import open_loop
    from kaeshi.settings import load
    from kaeshi.steps import rollout

    settings = load(**{name.lower(): value for name, value in ours_env(folder, up).items()})
    async with open_loop(settings=settings) as loop:
        await rollout.set_production(loop, "model-a")
        await rollout.register(loop, "model-b", kind="base_model")
        began = await rollout.begin(loop, "model-b", percent=10, hours=hours)
        if not hours:
            await rollout.step(loop, began)


async def stored(folder: Path, up: str) -> tuple[set[str], int]:
    """Take what is in the spools; (ids of the requests in the database, reported drops)."""
    from sqlalchemy import select

    from kaeshi.app import open_loop
    from kaeshi.gateway import spool
    from kaeshi.gateway.worker import take
    from kaeshi.settings import load
    from kaeshi.store.tables import requests

    settings = load(**{name.lower(): value for name, value in ours_env(folder, up).items()})
    async with open_loop(settings=settings) as loop:
        while spool.waiting(
            loop.folder("gateway")
        ):  # the server's worker may still be at it: whoever is second finds nothing to do
            if not (await take(loop)).requests:
                await asyncio.sleep(0.2)
        async with loop.store.read() as tx:
            _, dropped = await tx.exchanges.count_requests(loop.assistant)
            return {name for (name,) in await tx.connection.execute(select(requests.c.id))}, dropped


def ours(
    folder: Path, up: str, port: int, core: int = 1
) -> contextlib.AbstractContextManager[Served]:
    """Our gateway on what `prepare` made."""
    command = [sys.executable, "-m", "kaeshi", "serve", "--port", str(port)]
    return served(
        command,
        f"http://127.0.0.1:{port}/v1",
        core,
        env=ours_env(folder, up),
        model="concierge",
        log=folder / "serve.log",
    )


def asked(up: str) -> int:
    """How often the upstream was asked."""
    import urllib.request

    with urllib.request.urlopen(up.removesuffix("/v1") + "/asked") as answer:
        return int(answer.read())


def peers(
    litellm: Path | None,
    portkey: Path | None,
    up: str,
    folder: Path,
    measured: Callable[[Served], dict[str, Any]],
) -> dict[str, Any]:
    """The peers that are installed, each in its default configuration with logs off."""
    found: dict[str, Any] = {}
    if litellm:
        config = folder / "litellm.yaml"
        config.write_text(
            (
                f"model_list:\n  - model_name: m\n    litellm_params: {{model: openai/m, "
                f"api_base: '{up}', api_key: none}}\n"
            ),
            encoding="utf-8",
        )
        command = [
            str(litellm.parent / "litellm"),
            "--config",
            str(config),
            "--port",
            "9102",
            "--num_workers",
            "1",
        ]
        permit = "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"  # on loopback, as the others
        env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", permit: "true"}
        with served(
            command, "http://127.0.0.1:9102/v1", 1, env=env, log=folder / "litellm.log"
        ) as to:
            found["litellm"] = measured(to)
    if portkey:
        command = [
            "node",
            str(portkey / "node_modules/@portkey-ai/gateway/build/start-server.js"),
            "--port=9103",
            "--headless",
        ]
        headers = {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": up,
            "Authorization": "Bearer none",
        }
        with served(
            command, "http://127.0.0.1:9103/v1", 1, headers=headers, log=folder / "portkey.log"
        ) as to:
            found["portkey"] = measured(to)
    return found


def mirrored(folder: Path, up: str, seconds: float, rounds: int) -> dict[str, Any]:
    """Waiting times without and with a mirror of every turn, in turns."""
    plain = []
    busy = []
    for number in range(rounds):
        for name, hours, runs in (("plain", 0.0, plain), ("mirror", 24.0, busy)):
            place = folder / f"{name}{number}"
            place.mkdir()
            asyncio.run(prepare(place, up, hours=hours))
            with ours(place, up, 9105) as to:
                wrk(to, 2, 1, place)
                runs.append(wrk(to, 2, seconds, place, f',"seed":{SLOW_MS}'))
    ratio = statistics.median(b["p99_ms"] / p["p99_ms"] for p, b in zip(plain, busy, strict=True))
    return {
        "p99_ms": statistics.median(p["p99_ms"] for p in plain),
        "p99_ms_mirrored": statistics.median(b["p99_ms"] for b in busy),
        "p99_ratio": ratio,
    }


def killed(folder: Path, up: str) -> dict[str, int]:
    """Kill the gateway under load, store its spools, and find every answer that a client read."""
    place = folder / "killed"
    place.mkdir()
    asyncio.run(prepare(place, up, hours=0))
    read: list[str] = []

    async def load(to: Served) -> None:
        async def client(session: aiohttp.ClientSession, number: int) -> None:
            body = {
                "model": "concierge",
                "messages": [{"role": "user", "content": "hi"}],
                "user": f"u{number}",
                "stream": number % 2 == 0,
                "seed": 1,
            }
            with contextlib.suppress(aiohttp.ClientError):
                while True:
                    async with session.post(f"{to.url}/chat/completions", json=body) as response:
                        text = await response.read()
                        if response.status == 200 and (
                            b"[DONE]" in text or b'"finish_reason": "stop"' in text
                        ):
                            read.append(response.headers["x-kaeshi-message"])

        async with aiohttp.ClientSession() as session:
            clients = [asyncio.create_task(client(session, n)) for n in range(16)]
            await asyncio.sleep(6)
            for pid in _tree(to.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.gather(*clients)

    with ours(place, up, 9106) as to:
        asyncio.run(load(to))
    rows, dropped = asyncio.run(stored(place, up))
    return {
        "read": len(read),
        "in_database": len(rows),
        "lost": len({*read} - rows),
        "dropped": dropped,
    }


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--litellm", type=Path, help="python of the environment that LiteLLM is installed in"
    )
    parser.add_argument(
        "--portkey", type=Path, help="folder that npm installed Portkey's gateway in"
    )
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed; type: apt-get install wrk")
    up = "http://127.0.0.1:9100/v1"
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        app = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "asgi",
            "--port",
            "9100",
            "--no-ws",
            "--log-level",
            "warning",
            "benchmarks.gateway:upstream",
        ]
        with served(app, up, 0, log=folder / "up.log") as direct:
            found["direct"] = measure(direct, wanted.seconds, wanted.rounds, folder)
            place = folder / "ours"
            place.mkdir()
            asyncio.run(prepare(place, up, hours=0))
            before = asked(up)
            with ours(place, up, 9101) as to:
                found["kaeshi"] = measure(to, wanted.seconds, wanted.rounds, folder)
                served_now = asked(up) - before
                worker = to.cpu_ms(only="gateway work")
            rows, dropped = asyncio.run(stored(place, up))
            found["kaeshi"] |= {
                "asked": served_now,
                "in_database": len(rows),
                "dropped": dropped,
                "worker_cpu_ms_per_request_so_far": worker / served_now,
            }
            found |= peers(
                wanted.litellm,
                wanted.portkey,
                up,
                folder,
                lambda to: measure(to, wanted.seconds, wanted.rounds, folder),
            )
            found["mirror"] = mirrored(folder, up, wanted.seconds, wanted.rounds)
            found["killed"] = killed(folder, up)
    for row in found.values():
        if "p50_ms_at_slow_upstream" in row:
            row["added_p50_ms"] = (
                row["p50_ms_at_slow_upstream"] - found["direct"]["p50_ms_at_slow_upstream"]
            )
    if wanted.json:
        print(json.dumps(found, indent=1))
    else:
        _print(found)
    mine = found["kaeshi"]
    if mine["in_database"] + mine["dropped"] != mine["asked"]:
        sys.exit(
            f"{mine['asked']} requests, but {mine['in_database']} in the database and "
            f"{mine['dropped']} reported drops"
        )
    if found["killed"]["lost"] > found["killed"]["dropped"]:
        sys.exit(f"{found['killed']['lost']} answers that were read are lost")


def _print(found: dict[str, Any]) -> None:
    print(
        f"{'':10}{'requests/s':>12}{'CPU ms each':>13}{'added p50 ms':>14}{'p99 ms':>9}{'streams':>9}{'last first piece s':>20}"  # noqa: E501
    )
    for name in ("direct", "kaeshi", "litellm", "portkey"):
        if name in found:
            row = found[name]
            print(
                f"{name:10}{row['requests_per_s']:12,.0f}{row['cpu_ms_per_request']:13.3f}{row['added_p50_ms']:14.2f}"
                f"{row['p99_ms_at_slow_upstream']:9.1f}{row['streams']['whole']:9.0f}{row['streams']['first_piece_s']:20.2f}"
            )
    ours = found["kaeshi"]
    mirror = found["mirror"]
    dead = found["killed"]
    print(
        f"(the row `direct` is the upstream itself; latencies at an upstream of {SLOW_MS} "
        f"ms, {STREAMS} streams at once)"
    )
    print(
        f"logged: {ours['asked']:,} requests asked, {ours['in_database']:,} in the database, "
        f"{ours['dropped']} reported drops"
    )
    print(
        f"worker: {ours['worker_cpu_ms_per_request_so_far']:.3f} ms of CPU per request, "
        "while the gateway was loaded"
    )
    print(
        f"mirror of every turn: p99 {mirror['p99_ms']:.1f} ms without, "
        f"{mirror['p99_ms_mirrored']:.1f} ms with it, ratio {mirror['p99_ratio']:.2f}"
    )
    print(
        f"killed under load: {dead['read']:,} answers read by clients, "
        f"{dead['in_database']:,} in the database, {dead['lost']} lost"
    )


if __name__ == "__main__":
    main()
