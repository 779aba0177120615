"""Claims about providers/openai.py."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from openai import AsyncOpenAI, InternalServerError

from kaeshi.errors import ProviderUnknown
from kaeshi.nouns import JobRequest
from kaeshi.providers.openai import OpenAITrainer


async def test_the_sdk_sends_a_job_again_and_we_do_not(tmp_path: Path) -> None:
    """Measured on the installed SDK, because decision 008 stands on it.

    A job whose creation fails with 500 is asked for three times.
    """
    posts: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            posts.append(self.headers["idempotency-key"])
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        async with AsyncOpenAI(base_url=url, api_key="none") as plain:
            with pytest.raises(InternalServerError):
                await plain.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="file-1")
        assert posts == [None, None, None]
        posts.clear()
        ours = OpenAITrainer(api_key="none", base_url=url)
        wanted = JobRequest(
            training_file="file-1",
            model="m",
            suffix="s",
            epochs=1,
            key="k",
            seed=1,
            dataset_sha256="0" * 64,
        )
        with pytest.raises(ProviderUnknown):
            await ours.create(wanted)
        await ours.close()
        assert posts == ["k"]
        server.shutdown()
