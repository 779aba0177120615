"""How much feedback is acknowledged in a second, and whether all of it is there after a kill.

`python -m benchmarks.feedback_ingest [--seconds 10] [--clients 64] [--json]`. A server on one core
takes `POST /v1/feedback` from clients on the other, on SQLite with synchronous=FULL, and is
killed while they send. What was acknowledged is then looked for in the database, one by one.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

ANSWERS = 20_000
PER_AUTHOR = 10_000_000


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def records(count: int) -> list[dict[str, Any]]:
    """Conversations with one answer each."""
    return [
        {
            "conversation_id": f"c{i}",
            "messages": [
                {"role": "user", "content": f"Question {i}?"},
                {"role": "assistant", "content": f"Answer {i}."},
            ],
        }
        for i in range(count)
    ]


def prepare(folder: Path, environment: dict[str, str]) -> None:
    """Store the answers that are rated."""
    file = folder / "log.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records(ANSWERS)))
    subprocess.run(
        [sys.executable, "-m", "kaeshi", "conversation", "import", str(file)],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


async def send(port: int, clients: int, seconds: float, acknowledged: list[str]) -> None:
    """Send feedback from so many connections until the time is over or the server is gone."""
    until = time.monotonic() + seconds
    numbers = iter(range(PER_AUTHOR))

    async def client(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < until:
            n = next(numbers)
            key = f"k{n}"
            body = {
                "target": {"message_id": f"c{n % ANSWERS}#1"},
                "name": "rating",
                "value": 1 + n % 5,
                "author": f"a{n // ANSWERS}",
                "idempotency_key": key,
            }
            try:
                async with session.post(f"http://127.0.0.1:{port}/v1/feedback", json=body) as said:
                    told = await said.json()
                    if said.status == 202:
                        acknowledged.append(told["feedback_id"])
            except (aiohttp.ClientError, OSError):
                return

    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))


async def ready(port: int) -> None:
    """Wait until the server answers."""
    async with aiohttp.ClientSession() as session:
        for _ in range(300):
            try:
                async with session.get(f"http://127.0.0.1:{port}/livez") as said:
                    if said.status == 200:
                        return
            except OSError:
                await asyncio.sleep(0.1)
    msg = "the server did not answer within 30 seconds"
    raise TimeoutError(msg)


def missing(database: Path, acknowledged: list[str]) -> int:
    """How many acknowledged pieces of feedback are not in the database."""
    with sqlite3.connect(database) as db:
        stored = {row[0] for row in db.execute("select submission from feedback_history")}
    return len(set(acknowledged) - stored)


def once(seconds: float, clients: int) -> dict[str, Any]:
    """One run with a kill in its middle."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "KAESHI_DATA_DIR": name, "PYTHONWARNINGS": "ignore"}
        environment["DATABASE_URL"] = f"sqlite+aiosqlite:///{folder / 'kaeshi.db'}"
        prepare(folder, environment)
        port = free_port()
        server = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, "-m", "kaeshi", "serve", "--port", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # its worker is another process
        )
        acknowledged: list[str] = []
        try:
            asyncio.run(ready(port))
            os.sched_setaffinity(0, {1})
            began = time.monotonic()
            asyncio.run(_killed(server, port, clients, seconds, acknowledged))
            took = time.monotonic() - began
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        return {
            "acknowledged": len(acknowledged),
            "per_second": round(len(acknowledged) / took),
            "lost": missing(folder / "kaeshi.db", acknowledged),
        }


async def _killed(
    server: "subprocess.Popen[bytes]",
    port: int,
    clients: int,
    seconds: float,
    acknowledged: list[str],
) -> None:
    sending = asyncio.ensure_future(send(port, clients, 2 * seconds, acknowledged))
    await asyncio.sleep(seconds)
    os.killpg(server.pid, signal.SIGKILL)
    await sending


def main() -> None:
    """Print the figures, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = once(wanted.seconds, wanted.clients)
    if wanted.json:
        print(json.dumps(found))
        return
    print(
        f"{found['acknowledged']} acknowledged, {found['per_second']} a second; killed, and "
        f"{found['lost']} of them lost"
    )


if __name__ == "__main__":
    main()
