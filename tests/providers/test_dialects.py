"""Claims about providers/dialects.py: fine-tuning at providers that differ from OpenAI."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kaeshi.errors import NotFound, Refused
from kaeshi.nouns import JobRequest
from kaeshi.providers.dialects import DIALECTS, DialectName, dialect_of
from kaeshi.providers.openai import OpenAITrainer

JOB = {
    "id": "ft-1",
    "object": "fine_tuning.job",
    "created_at": 1,
    "model": "m",
    "status": "running",
    "training_file": "f",
}
WANTED = JobRequest(
    training_file="f",
    validation_file=None,
    model="m",
    suffix="s",
    epochs=3,
    seed=1,
    key="k",
    dataset_sha256="d",
    method="supervised",
)


class Scripted:
    """A provider that answers creation, and look-ups in its own way alone."""

    def __init__(self, *, by_post: bool) -> None:
        self.by_post = by_post
        self.seen: list[tuple[str, str, Any]] = []

    async def call(self, method: str, path: str, body: bytes, _kind: str) -> tuple[int, bytes]:
        said = json.loads(body) if body else None
        self.seen.append((method, path, said))
        if (method, path) == ("POST", "/fine_tuning/jobs"):
            return 200, json.dumps(JOB).encode()
        by_post = (method, path) == ("POST", "/fine_tuning/jobs/retrieve")
        if by_post if self.by_post else (method, path) == ("GET", "/fine_tuning/jobs/ft-1"):
            return 200, json.dumps(JOB).encode()
        return 404, b'{"error": {"message": "no such path"}}'

    async def stream(
        self, method: str, path: str, body: bytes, content_type: str
    ) -> tuple[int, bytes | AsyncIterator[bytes]]:
        return await self.call(method, path, body, content_type)


def trainer(provider: Scripted, name: DialectName) -> OpenAITrainer:
    return OpenAITrainer(api_key="none", answerer=provider, dialect=DIALECTS[name])


@pytest.mark.parametrize("name", list(DIALECTS))
async def test_each_provider_gets_its_hyperparameters_where_it_has_them(name: DialectName) -> None:
    provider = Scripted(by_post=DIALECTS[name].looks_by_post)
    made = await trainer(provider, name).create(WANTED)
    ((_, _, body),) = provider.seen
    assert made["id"] == "ft-1"
    epochs = {"n_epochs": 3}
    if name == "openai":
        assert body["method"]["supervised"]["hyperparameters"] == epochs
        assert "hyperparameters" not in body
    else:
        assert body["hyperparameters"] == epochs
        assert "method" not in body
    assert "learning_rate_multiplier" not in json.dumps(body)


@pytest.mark.parametrize("name", list(DIALECTS))
async def test_each_provider_is_asked_for_a_job_in_its_own_way(name: DialectName) -> None:
    provider = Scripted(by_post=DIALECTS[name].looks_by_post)
    assert (await trainer(provider, name).look("ft-1"))["status"] == "running"
    if name == "opea":
        assert provider.seen == [
            ("POST", "/fine_tuning/jobs/retrieve", {"fine_tuning_job_id": "ft-1"})
        ]
        with pytest.raises(NotFound):
            await trainer(provider, "openai").look("ft-1")


async def test_preferences_are_refused_where_a_provider_has_none() -> None:
    provider = Scripted(by_post=False)
    with pytest.raises(Refused, match="trains on rows only, not by dpo"):
        await trainer(provider, "nebius").create(WANTED.model_copy(update={"method": "dpo"}))
    assert provider.seen == []


def test_the_host_tells_the_dialect_unless_it_is_named() -> None:
    assert dialect_of("https://api.studio.nebius.ai/v1", None) == DIALECTS["nebius"]
    assert dialect_of("https://notnebius.com/v1", None) == DIALECTS["openai"]
    assert dialect_of("https://api.tokenfactory.nebius.com/v1", "openai") == DIALECTS["openai"]
    assert dialect_of(None, None) == DIALECTS["openai"]
