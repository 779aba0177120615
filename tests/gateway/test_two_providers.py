"""Chat goes to one provider, training to another, and a fine-tune is asked where it is served."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from kaeshi.app import open_loop
from kaeshi.errors import KaeshiError, Misconfigured
from kaeshi.gateway.door import Gateway
from kaeshi.nouns import Serving
from kaeshi.providers.fake import FakeIds
from kaeshi.settings import Settings, load
from kaeshi.steps import asking, rollout, training
from kaeshi.steps.shelf import Shelf

ROWS = (("When do you open?", "We open at five."), ("Do you cook vegan?", "Yes, with tofu."))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    said = [
        [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        for asked, answer in ROWS * 6
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps({"messages": each}) + "\n" for each in said))
    return path


async def test_the_trainer_in_this_process_trains_beside_a_provider_that_answers(
    tmp_path: Path, provider: Any, rows: Path
) -> None:
    chosen = Settings(
        kaeshi_data_dir=tmp_path / "data",
        kaeshi_names="lists",
        openai_base_url=provider.url,
        openai_api_key=SecretStr("chat key"),
        training_base_url="embedded",
    )
    async with open_loop(settings=chosen, ids=FakeIds()) as loop:
        await rollout.set_production(loop, "gpt-4o-mini")
        file_id = await training.upload(loop, rows)
        run = await training.wait(loop, await training.start(loop, file_id, "gpt-4o-mini", "x", 1))
        candidate = await asking.candidate_named(loop, str(run.model))
        assert candidate.serving.base_url == "embedded"
        said = await asking.answer(loop, Shelf(), candidate, user("When do you open?"))
        assert said.text == "We open at five."
        await rollout.start(loop, candidate.model, percent=10, hours=1)
        opened = Gateway(loop)
        await opened.start()
        transport = httpx.ASGITransport(app=opened, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/v1") as client:
            answers = [
                (await client.post("/chat/completions", json={"model": m, "messages": user("Hi")}))
                for m in ("concierge", candidate.model)
            ]
        await opened.stop()
    texts = [answer.json()["choices"][0]["message"]["content"] for answer in answers]
    assert texts[0] == "We have a table for ten."
    assert texts[1] != texts[0]
    assert {json.loads(body)["model"] for body in provider.asked} == {"gpt-4o-mini"}
    assert set(provider.authorizations) == {"Bearer chat key"}


async def test_another_providers_address_and_key_go_with_its_fine_tunes(
    tmp_path: Path, provider: Any
) -> None:
    elsewhere = provider.url.replace("127.0.0.1", "localhost")
    chosen = Settings(
        kaeshi_data_dir=tmp_path / "data",
        openai_base_url=provider.url,
        openai_api_key=SecretStr("chat key"),
        training_base_url=elsewhere,
        training_api_key=SecretStr("training key"),
    )
    async with open_loop(settings=chosen, ids=FakeIds()) as loop:
        assert (loop.trainer.name, loop.answerer) == (elsewhere, None)
        tuned = await rollout.register(
            loop, "ft:1", serving=Serving(base_url=loop.settings.trained_at)
        )
        await loop.chat.answer(tuned, b'{"model": "ft:1", "messages": []}')
    assert provider.authorizations == ["Bearer training key"]


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


async def test_what_belongs_to_the_main_account_stays_there(
    tmp_path: Path, provider: Any, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-main")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-main")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Secret: main")
    chosen = Settings(
        kaeshi_data_dir=tmp_path / "data",
        openai_api_key=SecretStr("chat key"),
        training_base_url=provider.url,
        training_api_key=SecretStr("training key"),
    )
    async with open_loop(settings=chosen, ids=FakeIds()) as loop:
        with pytest.raises(KaeshiError):  # the provider of these tests takes no files
            await training.upload(loop, rows)
    (sent, *_) = provider.headers
    assert sent["authorization"] == "Bearer training key"
    assert "main" not in str(sent)


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "TRAINING_BASE_URL"])
@pytest.mark.parametrize("url", ["http://ann:pw123@host/v1", "file:///etc/passwd", "host:80"])
def test_an_address_with_a_password_or_another_scheme_is_refused_and_not_repeated(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(Misconfigured, match=name) as refused:
        load()
    assert "pw123" not in str(refused.value)
