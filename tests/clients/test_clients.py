"""Real clients, each in its own environment: one conversation each, whole and streamed.

`make test-clients` makes the environments and names their folder in CLIENTS.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaeshi.app import open_loop
from kaeshi.rules.threads import root
from kaeshi.settings import Settings
from kaeshi.steps import rollout
from kaeshi.store.tables import requests
from wire.serving import free_port, running

HERE = Path(__file__).parent
FOLDER = os.environ.get("CLIENTS")
REQUESTS = 4  # the call, its result, and two more turns
pytestmark = pytest.mark.skipif(FOLDER is None, reason="make test-clients")
CLIENTS = {
    "openai": ("openai_client.py",),
    "openai-js": ("openai_client.mjs",),
    "langchain": ("langchain_client.py",),
    "llama-index": ("llama_index_client.py",),
    "pydantic-ai": ("pydantic_ai_client.py",),
    "openai-agents": ("openai_agents_client.py", "responses"),
    "openai-agents by chat": ("openai_agents_client.py", "chat_completions"),
    "litellm": ("litellm_client.py",),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(the gateway's base URL, its data folder), before a provider on loopback."""
    folder = tmp_path_factory.mktemp("clients")
    provider = f"http://127.0.0.1:{(port := free_port())}/v1"
    command = [sys.executable, "-m", "clients.provider", str(port)]
    settings = Settings(kaeshi_data_dir=folder, openai_base_url=provider)

    async def begin() -> None:
        async with open_loop(settings=settings) as loop:
            await rollout.set_production(loop, "gpt-4o-mini")

    asyncio.run(begin())
    url = f"http://127.0.0.1:{(own := free_port())}/v1"
    serve = [sys.executable, "-m", "kaeshi", "serve", "--port", str(own)]
    with (
        running(command, f"{provider}/models", PYTHONPATH=str(HERE.parent)),
        running(serve, f"{url}/models", KAESHI_DATA_DIR=str(folder), OPENAI_BASE_URL=provider),
    ):
        yield url, folder


def stored(folder: Path, since: int) -> list[str]:
    """The conversations of the requests that were stored after the first `since` of them."""

    async def read() -> list[str]:
        settings = Settings(kaeshi_data_dir=folder)
        async with open_loop(settings=settings) as loop, loop.store.read() as tx:
            rows = await tx.connection.execute(requests.select().order_by(requests.c.at))
            return [root(row.conversation) for row in rows][since:]

    return asyncio.run(read())


@pytest.mark.parametrize("mode", ["whole", "stream"])
@pytest.mark.parametrize("client", CLIENTS)
def test_three_turns_with_a_tool_are_one_conversation(
    gateway: tuple[str, Path], client: str, mode: str
) -> None:
    url, folder = gateway
    assert FOLDER is not None  # else skipped
    home = Path(FOLDER) / client.partition(" ")[0]
    script, *more = CLIENTS[client]
    runner = ["node"] if script.endswith(".mjs") else [str(home / "bin" / "python")]
    opening = f"Hello, this is {client} asking for {mode} answers: what is the weather in Rome?"
    before = len(stored(folder, 0))
    place = HERE / "scripts" / script
    if script.endswith(".mjs"):  # modules are found beside the script
        place = home / script
        place.write_bytes((HERE / "scripts" / script).read_bytes())
    done = subprocess.run(
        [*runner, str(place), url, mode, opening, *more],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    until = time.monotonic() + 20
    while len(found := stored(folder, before)) < REQUESTS and time.monotonic() < until:
        time.sleep(0.2)
    assert len(found) >= REQUESTS
    assert len(set(found)) == 1
