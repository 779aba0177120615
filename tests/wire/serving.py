"""Our trainer server as a process of its own on loopback, for clients that come over HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(url, timeout=5).close()
        except URLError as error:
            if getattr(error, "code", None) is not None:
                return  # it answers, if only with a refusal
            assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
            assert time.monotonic() < until, f"{process.args!r} does not answer at {url}"
            time.sleep(0.1)
        else:
            return


@contextmanager
def running(command: list[str], url: str, **environment: str) -> Iterator[None]:
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(url, process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


@contextmanager
def trainer(folder: Path, **environment: str) -> Iterator[str]:
    """Its base URL, with /v1."""
    port = free_port()
    base = f"http://127.0.0.1:{port}/v1"
    command = [sys.executable, "-m", "kaeshi", "trainer", "serve", "--port", str(port)]
    with running(command, f"{base}/models", KAESHI_DATA_DIR=str(folder), **environment):
        yield base
