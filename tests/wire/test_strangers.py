"""Strangers judge the wire.

Prism holds our server to OpenAI's own document, and aimock stands in for OpenAI towards our client.

`make test-wire` installs both with npm into WIRE_TOOLS and runs this. Where they are absent, or the
document is, it is skipped.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openai import OpenAI

from kaeshi.errors import ProviderError
from kaeshi.loop import Loop
from kaeshi.providers.fake import FakeClock
from kaeshi.providers.openai import OpenAITrainer
from kaeshi.steps import training
from samples import different
from wire.serving import free_port, running

DOCUMENT = Path(__file__).parents[3] / "shared" / "openai" / "openapi-subset.json"
TOOLS = Path(os.environ.get("WIRE_TOOLS", "absent")) / "node_modules" / ".bin"
REQUESTS = 120

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (TOOLS / "prism").exists(), reason="make test-wire installs prism and aimock"
    ),
]
with_document = pytest.mark.skipif(not DOCUMENT.exists(), reason="OpenAI's document is not here")


@pytest.fixture(scope="module")
def judged(base: str) -> Iterator[OpenAI]:
    """The SDK with prism between: an answer that breaks the document comes back as an error."""
    port = free_port()
    command = [str(TOOLS / "prism"), "proxy", "--errors", "--port", str(port), str(DOCUMENT), base]
    with (
        running(command, f"http://127.0.0.1:{port}/models"),
        OpenAI(base_url=f"http://127.0.0.1:{port}", api_key="none", max_retries=0) as made,
    ):
        yield made


@with_document
def test_no_answer_breaks_openais_document(judged: OpenAI, base: str, rows: Path) -> None:
    with OpenAI(base_url=base, api_key="none") as straight:
        # prism reads no multipart bodies, so the upload goes straight
        file = straight.files.create(file=rows, purpose="fine-tune")
    jobs = judged.fine_tuning.jobs
    job = jobs.create(training_file=file.id, model="gpt-4o-mini", metadata={"run": "a"})
    while jobs.retrieve(job.id).status not in {"succeeded", "failed"}:
        time.sleep(0.2)
    model = jobs.retrieve(job.id).fine_tuned_model or ""
    paused = jobs.create(
        training_file=file.id, model="gpt-4o-mini", seed=3, method={"type": "supervised"}
    )
    jobs.pause(paused.id)
    jobs.resume(paused.id)
    chance = random.Random(1)

    def chat() -> object:
        turns = [{"role": "system", "content": "be kind"}] * chance.randrange(2) + [
            {"role": "user", "content": different(chance.randrange(40))[0]}
        ]
        more: dict[str, Any] = {
            "n": chance.randrange(1, 4),
            "temperature": chance.random(),
            "max_tokens": 50,
            "seed": 4,
            "stop": ["x"],
        }
        chosen = {
            name: more[name] for name in chance.sample(sorted(more), chance.randrange(len(more)))
        }
        return judged.chat.completions.create(model=model, messages=turns, **chosen)  # type: ignore[arg-type]  # drawn by chance

    valid: list[Callable[[], object]] = [
        chat,
        lambda: judged.files.list(limit=chance.randrange(1, 50)),
        lambda: judged.files.list(purpose="fine-tune", order=chance.choice(["asc", "desc"])),
        lambda: judged.files.retrieve(file.id),
        lambda: jobs.list(limit=chance.randrange(1, 50)),
        lambda: jobs.list(after=job.id),
        lambda: jobs.retrieve(chance.choice([job.id, paused.id])),
        lambda: jobs.list_events(job.id, limit=chance.randrange(1, 5)),
        lambda: jobs.checkpoints.list(job.id),
        judged.models.list,
        lambda: judged.models.retrieve(chance.choice([model, "gpt-4o-mini"])),
        lambda: judged.embeddings.create(
            model="all-MiniLM-L6-v2-int8",
            input=["a", "b"][: chance.randrange(1, 3)],
            encoding_format="float",
        ),
    ]
    for _ in range(REQUESTS):
        chance.choice(valid)()
    judged.models.delete(model)
    judged.files.delete(file.id)


def nulls_allowed(schema: Any) -> Any:
    """OpenAPI's `nullable`, in words that JSON Schema knows."""
    if isinstance(schema, list):
        return [nulls_allowed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: nulls_allowed(value) for name, value in schema.items()}
    return {"anyOf": [plain, {"type": "null"}]} if plain.pop("nullable", False) is True else plain


@with_document
def test_every_streamed_chunk_is_one_of_openais(base: str, rows: Path) -> None:
    document = json.loads(DOCUMENT.read_text())
    schema = {
        "$ref": "#/components/schemas/CreateChatCompletionStreamResponse",
        "components": document["components"],
    }
    validator = Draft202012Validator(nulls_allowed(schema))
    with OpenAI(base_url=base, api_key="none") as client:
        job = client.fine_tuning.jobs.create(
            training_file=client.files.create(file=rows, purpose="fine-tune").id,
            model="gpt-4o-mini",
        )
        while (job := client.fine_tuning.jobs.retrieve(job.id)).fine_tuned_model is None:
            time.sleep(0.2)
        asked: Any = {
            "model": job.fine_tuned_model,
            "messages": [{"role": "user", "content": different(2)[0]}],
            "stream": True,
        }
        with client.chat.completions.with_streaming_response.create(
            **asked, n=2, stream_options={"include_usage": True}
        ) as answer:
            lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert len(lines) > 4
    for line in lines[:-1]:
        validator.validate(json.loads(line.removeprefix("data: ")))


async def test_our_client_pays_once_at_a_stranger_that_answers_429(
    loop: Loop, clock: FakeClock, rows: Path, tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "fixtures").mkdir()
    command = [
        str(TOOLS / "llmock"),
        "-p",
        str(port),
        "-f",
        str(tmp_path / "fixtures"),
        "--chaos-ratelimit",
        "0.5",
        "--log-level",
        "silent",
    ]
    with running(command, f"http://127.0.0.1:{port}/v1/models"):
        client = OpenAITrainer(api_key="test", base_url=f"http://127.0.0.1:{port}/v1")
        strange = replace(loop, trainer=client)
        for _ in range(100):
            with suppress(ProviderError):
                await training.start(
                    strange, await training.upload(strange, rows), "gpt-4o-mini", "x", 3
                )
                break
            clock.advance(minutes=31)
            for run in await training.history(strange):
                if (
                    run.state == "unknown"
                ):  # two refusals in a row: the person looks, sees no job, and says so
                    await training.decide(strange, run, again=True)
        for _ in range(100):
            (run, *others) = await training.resume(strange) or await training.history(strange)
            if run.state == "succeeded":
                break
        listed = await patient(client)
        await client.close()
    assert (run.state, others, len(listed)) == ("succeeded", [], 1)
    assert run.model


async def patient(client: OpenAITrainer) -> list[Any]:
    for _ in range(100):
        with suppress(ProviderError):
            return await client.jobs()
    raise AssertionError
