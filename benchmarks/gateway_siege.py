"""The gateway while thousands of connections hold on and send nothing more.

usage: python -m benchmarks.gateway_siege [--connections 5000] [--seconds 5] [--rounds 3] [--json]

A quarter of them never sends a byte, a quarter half a request's head, a quarter half a body to the
gateway and a quarter half a body to the path where a customer rates an answer by token. Waiting
times are of two customers at a model that takes 20 ms, without and with the siege, in turns. Then
the memory of the server before and after forty requests of 15 MB.
"""

import argparse
import asyncio
import contextlib
import json
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.gateway import SLOW_MS, Served, _settled, _tree, ours, prepare, served, wrk

UP = "http://127.0.0.1:9131/v1"
PORT = 9132
LARGE = 15 * 1024 * 1024
LARGE_REQUESTS = 40
HELD = (
    b"",
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nx-half: ",
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5000\r\n"
    b"content-type: application/json\r\n\r\n" + b'{"model": "concierge", ',
    b"POST /v1/messages/MESSAGE/feedback HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 500\r\n"
    b"x-kaeshi-feedback-token: TOKEN\r\ncontent-type: application/json\r\n\r\n" + b'{"vote": ',
)


def besiege(port: int, connections: int) -> None:
    """Hold so many connections, opening each again that the server closes, until killed."""
    message, token = asyncio.run(_rated(port))
    heads = [head.replace(b"MESSAGE", message).replace(b"TOKEN", token) for head in HELD]
    held = selectors.DefaultSelector()
    for number in range(connections):
        _open(held, port, heads[number % len(heads)])
        if number % 100 == 99:
            time.sleep(0.02)  # no faster than a listening socket's queue empties
    print("held", flush=True)
    while True:
        for key, _ in held.select():
            if _is_closed(key.fileobj):
                held.unregister(key.fileobj)
                key.fileobj.close()
                _open(held, port, key.data)
        time.sleep(0.05)  # connections are held, not opened in a flood


def _open(held: selectors.BaseSelector, port: int, head: bytes) -> None:
    taken = socket.create_connection(("127.0.0.1", port), timeout=30)
    taken.sendall(head)
    taken.setblocking(False)
    held.register(taken, selectors.EVENT_READ, head)


async def _rated(port: int) -> tuple[bytes, bytes]:
    """An answer's message, and the token that lets a customer rate it."""
    body = {"model": "concierge", "messages": [{"role": "user", "content": "hello"}]}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        return (
            answer.headers["x-kaeshi-message"].encode(),
            answer.headers["x-kaeshi-feedback-token"].encode(),
        )


def _is_closed(connection: Any) -> bool:
    try:
        return not connection.recv(4096)
    except BlockingIOError:
        return False
    except OSError:
        return True


@contextlib.contextmanager
def siege(connections: int) -> Iterator[None]:
    """A process that holds them."""
    command = [sys.executable, "-m", "benchmarks.gateway_siege", "--besiege", str(connections)]
    process = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.PIPE)
    assert process.stdout is not None  # piped
    process.stdout.readline()
    time.sleep(1)  # what opening them cost is over
    try:
        yield
    finally:
        process.kill()
        process.wait()
        time.sleep(2)  # what closing them costs is not the next measurement's


def memory(to: Served) -> float:
    """Resident MB of the server's processes, without the worker's."""
    total = 0.0
    for pid in _tree(to.process.pid):
        with contextlib.suppress(FileNotFoundError):
            if "gateway work" in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "):
                continue
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    total += int(line.split()[1]) / 1024
    return total


async def large(to: Served) -> int:
    """Forty requests of 15 MB at once; how many were answered."""
    words = "x" * LARGE
    body = json.dumps({"model": "concierge", "messages": [{"role": "user", "content": words}]})

    async def one(session: aiohttp.ClientSession) -> bool:
        async with session.post(f"{to.url}/chat/completions", data=body) as answer:
            await answer.read()
            return answer.status == 200

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return sum(await asyncio.gather(*(one(session) for _ in range(LARGE_REQUESTS))))


def measured(to: Served, connections: int, seconds: float, rounds: int, folder: Path) -> Any:
    """Waiting times with and without the siege, and memory."""
    slow = f',"seed":{SLOW_MS}'
    wrk(to, 2, 2, folder, slow)
    quiet: list[dict[str, float]] = []
    held: list[dict[str, float]] = []
    for _ in range(rounds):
        _settled(to)
        quiet.append(wrk(to, 2, seconds, folder, slow))
        with siege(connections):
            held.append(wrk(to, 2, seconds, folder, slow))
    before = memory(to)
    answered = asyncio.run(large(to))
    peak = memory(to)
    time.sleep(10)  # as the figure's name says
    found = {
        name: statistics.median(run[f"{name}_ms"] for run in held)
        / statistics.median(run[f"{name}_ms"] for run in quiet)
        for name in ("p50", "p99")
    }
    return {
        "connections": connections,
        "quiet_p99_ms": statistics.median(run["p99_ms"] for run in quiet),
        "besieged_p99_ms": statistics.median(run["p99_ms"] for run in held),
        "ratio_p50": found["p50"],
        "ratio_p99": found["p99"],
        "errors": sum(run["errors"] for run in held),
        "large_answered": answered,
        "memory_before_mb": before,
        "memory_at_once_mb": peak,
        "memory_10_s_later_mb": memory(to),
    }


def main() -> None:
    """Print what was found, or JSON with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--besiege", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    if wanted.besiege:
        besiege(PORT, wanted.besiege)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(prepare(folder, UP, hours=0.0))
        command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", "9131"]
        command += ["benchmarks.gateway:upstream", "--no-log"]
        with (
            served(command, UP, 0, log=folder / "up.log"),
            ours(folder, UP, PORT) as to,
        ):
            found = measured(to, wanted.connections, wanted.seconds, wanted.rounds, folder)
    if wanted.json:
        print(json.dumps(found, indent=1))
        return
    for what, value in found.items():
        print(f"{what:24} {value:.2f}" if isinstance(value, float) else f"{what:24} {value}")


if __name__ == "__main__":
    main()
