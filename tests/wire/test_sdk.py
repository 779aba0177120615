"""The official SDK, unmodified, against our trainer server on loopback."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

from samples import different

EXAMPLE = Path(__file__).parents[2] / "examples" / "openai_fine_tuning.py"
SUPERVISED = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}


@pytest.fixture
def client(base: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=base, api_key="none", max_retries=0) as made:
        yield made


def ended(client: OpenAI, job: FineTuningJob) -> FineTuningJob:
    for _ in range(600):
        job = client.fine_tuning.jobs.retrieve(job.id)
        if job.status in {"succeeded", "failed", "cancelled"}:
            return job
        time.sleep(0.1)
    raise AssertionError(job)


def test_the_whole_flow(client: OpenAI, rows: Path) -> None:
    file = client.files.create(
        file=rows, purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert file.expires_at == file.created_at + 3600
    assert client.files.content(file.id).read() == rows.read_bytes()
    assert file.id in {f.id for f in client.files.list(purpose="fine-tune")}
    job = client.fine_tuning.jobs.create(
        training_file=file.id,
        model="gpt-4o-mini",
        suffix="wire",
        seed=11,
        method=SUPERVISED,
        metadata={"run": "a"},
    )
    assert (job.seed, job.metadata) == (11, {"run": "a"})
    job = ended(client, job)
    assert job.status == "succeeded"
    assert job.trained_tokens
    assert [j.id for j in client.fine_tuning.jobs.list(metadata={"run": "a"})] == [job.id]
    assert list(client.fine_tuning.jobs.list(metadata={"run": "b"})) == []
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=1))
    assert len(events) > 1
    assert list(client.fine_tuning.jobs.checkpoints.list(job.id)) == []
    model = job.fine_tuned_model or ""
    assert client.models.retrieve(model).id == model
    question, expected = different(3)
    asked = [{"role": "user", "content": question}]
    whole = client.chat.completions.create(model=model, messages=asked, n=2)
    assert [c.message.content for c in whole.choices] == [expected] * 2
    assert whole.usage
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
    parts = list(
        client.chat.completions.create(
            model=model, messages=asked, stream=True, stream_options={"include_usage": True}
        )
    )
    assert (
        "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == expected
    )
    assert [part.choices[0].finish_reason for part in parts if part.choices][-1] == "stop"
    assert parts[-1].usage
    assert client.models.delete(model).deleted
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(model)


def test_a_paused_job_waits_and_a_cancelled_one_is_over(client: OpenAI, rows: Path) -> None:
    file = client.files.create(file=rows, purpose="fine-tune")
    paused = client.fine_tuning.jobs.pause(
        client.fine_tuning.jobs.create(training_file=file.id, model="gpt-4o-mini").id
    )
    assert paused.status == "queued"  # the document has no other word
    assert "Job paused" in {
        event.message for event in client.fine_tuning.jobs.list_events(paused.id)
    }
    assert ended(client, client.fine_tuning.jobs.resume(paused.id)).status == "succeeded"
    with pytest.raises(openai.BadRequestError, match="cannot become"):
        client.fine_tuning.jobs.cancel(paused.id)
    other = client.fine_tuning.jobs.create(training_file=file.id, model="gpt-4o-mini")
    assert client.fine_tuning.jobs.cancel(other.id).status == "cancelled"


def test_embeddings_come_as_numbers_and_as_bytes(client: OpenAI) -> None:
    name = next(m.id for m in client.models.list() if "MiniLM" in m.id)
    one = client.embeddings.create(model=name, input="hello").data[0].embedding
    same = (
        client.embeddings.create(model=name, input=["hello"], encoding_format="float")
        .data[0]
        .embedding
    )
    assert one == pytest.approx(same, abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"model": "gpt-9"}, "gpt-9"),
        ({"method": {"type": "dpo"}}, "dpo"),
        ({"seed": -1}, "seed"),
        (
            {"method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 99}}}},
            "n_epochs",
        ),
    ],
)
def test_what_is_not_served_is_refused_in_openais_words(
    client: OpenAI, rows: Path, asked: dict[str, object], said: str
) -> None:
    file = client.files.create(file=rows, purpose="fine-tune")
    with pytest.raises(openai.BadRequestError, match=said) as refused:
        client.fine_tuning.jobs.create(
            **{"training_file": file.id, "model": "gpt-4o-mini", **asked}
        )  # type: ignore[arg-type]  # on purpose
    assert refused.value.type == "invalid_request_error"


def test_openais_example_runs_with_nothing_but_another_base_url(base: str, rows: Path) -> None:
    question, expected = different(5)
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(rows), question],
        env=os.environ | {"OPENAI_BASE_URL": base, "OPENAI_API_KEY": "none"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == expected
