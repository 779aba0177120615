"""Unmodified clients in front of the gateway, and strangers that judge its answers.

Behind it a model of our own trainer's.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openai import OpenAI

from samples import different
from wire.serving import free_port, running
from wire.test_strangers import DOCUMENT, TOOLS, nulls_allowed, with_document

REQUESTS = 60
JAVASCRIPT = """
import OpenAI from 'openai';
const client = new OpenAI({ baseURL: process.env.BASE, apiKey: 'none', maxRetries: 0 });
const ask = { model: 'concierge', messages: [{ role: 'user', content: process.env.QUESTION }], user: 'js' };
const { data, response } = await client.chat.completions.create(ask).withResponse();
let streamed = '';
for await (const part of await client.chat.completions.create({ ...ask, stream: true })) streamed += part.choices[0]?.delta?.content ?? '';
const models = [];
for await (const model of client.models.list()) models.push(model.id);
console.log(JSON.stringify({ whole: data.choices[0].message.content, streamed, arm: response.headers.get('x-kaeshi-arm'), models }));
"""  # noqa: E501

pytestmark = pytest.mark.slow


@dataclass
class Door:
    """The gateway, and the model in production behind it."""

    base: str
    model: str
    environment: dict[str, str]

    def kaeshi(self, *words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "kaeshi", *words, "--json"],
            env=os.environ | self.environment,
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def door(base: str, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with OpenAI(base_url=base, api_key="none") as client:
        job = client.fine_tuning.jobs.create(
            training_file=client.files.create(file=rows, purpose="fine-tune").id,
            model="gpt-4o-mini",
        )
        while (job := client.fine_tuning.jobs.retrieve(job.id)).fine_tuned_model is None:
            time.sleep(0.1)
    port = free_port()
    environment = {
        "KAESHI_DATA_DIR": str(tmp_path_factory.mktemp("gateway")),
        "OPENAI_BASE_URL": base,
        "KAESHI_NAMES": "lists",
    }
    made = Door(f"http://127.0.0.1:{port}/v1", job.fine_tuned_model, environment)
    made.kaeshi("rollout", "start", job.fine_tuned_model, "--first")
    with running(
        [sys.executable, "-m", "kaeshi", "serve", "--port", str(port)],
        f"{made.base}/models",
        **environment,
    ):
        yield made


def test_the_official_python_sdk_talks_to_the_gateway_and_everything_is_logged(door: Door) -> None:
    question, expected = different(3)
    with OpenAI(base_url=door.base, api_key="none", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="concierge", messages=[{"role": "user", "content": question}], user="py"
        )
        whole: Any = raw.parse()
        assert (whole.choices[0].message.content, whole.model) == (expected, door.model)
        assert raw.headers["x-kaeshi-arm"] == "production"
        parts = client.chat.completions.create(
            model="concierge", messages=[{"role": "user", "content": question}], stream=True
        )
        assert (
            "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
            == expected
        )
        assert next(m.id for m in client.models.list()) == "concierge"
        assert client.embeddings.create(model="all-MiniLM-L6-v2-int8", input="a").data[0].embedding
    conversation = raw.headers["x-kaeshi-conversation"]
    for _ in range(200):  # the worker is quick, not instant, and disks are shared
        stored = subprocess.run(
            [sys.executable, "-m", "kaeshi", "conversation", "show", conversation, "--json"],
            env=os.environ | door.environment,
            capture_output=True,
            check=False,
        )
        if stored.returncode == 0:
            break
        time.sleep(0.1)
    assert stored.returncode == 0, stored.stderr
    assert [m["content"] for m in json.loads(stored.stdout)["messages"]] == [question, expected]


@pytest.mark.skipif(
    not (TOOLS.parent / "openai").exists(), reason="make test-wire installs the JavaScript SDK"
)
def test_the_official_javascript_sdk_talks_to_the_gateway(door: Door, tmp_path: Path) -> None:
    question, expected = different(4)
    (tmp_path / "node_modules").symlink_to(TOOLS.parent)
    (tmp_path / "ask.mjs").write_text(JAVASCRIPT)
    environment = os.environ | {"BASE": door.base, "QUESTION": question}
    told = subprocess.run(
        ["node", "ask.mjs"], cwd=tmp_path, env=environment, capture_output=True, check=True
    ).stdout
    found = json.loads(told)
    assert (found["whole"], found["streamed"], found["arm"]) == (expected, expected, "production")
    assert {"concierge", door.model} <= set(found["models"])


@with_document
@pytest.mark.skipif(not (TOOLS / "prism").exists(), reason="make test-wire installs prism")
def test_no_answer_of_the_gateway_breaks_openais_document(door: Door) -> None:
    port, chance = free_port(), random.Random(2)
    command = [
        str(TOOLS / "prism"),
        "proxy",
        "--errors",
        "--port",
        str(port),
        str(DOCUMENT),
        door.base,
    ]
    with (
        running(command, f"http://127.0.0.1:{port}/models"),
        OpenAI(base_url=f"http://127.0.0.1:{port}", api_key="none", max_retries=0) as judged,
    ):
        for number in range(REQUESTS):
            more: dict[str, Any] = {
                "n": 2,
                "temperature": 0.5,
                "max_tokens": 50,
                "seed": 4,
                "user": f"u{number}",
                "metadata": {"conversation_id": f"c{number}"},
            }
            chosen = {
                name: more[name]
                for name in chance.sample(sorted(more), chance.randrange(len(more)))
            }
            question = different(chance.randrange(40))[0]
            model = chance.choice(["concierge", door.model])
            judged.chat.completions.create(
                model=model, messages=[{"role": "user", "content": question}], **chosen
            )
        judged.models.list()
        judged.models.retrieve("concierge")
        judged.models.retrieve(door.model)
        judged.embeddings.create(model="all-MiniLM-L6-v2-int8", input="a", encoding_format="float")


@with_document
def test_every_chunk_that_the_gateway_streams_is_one_of_openais(door: Door) -> None:
    document = json.loads(DOCUMENT.read_text())
    schema = {
        "$ref": "#/components/schemas/CreateChatCompletionStreamResponse",
        "components": document["components"],
    }
    validator = Draft202012Validator(nulls_allowed(schema))
    asked: Any = {
        "model": "concierge",
        "messages": [{"role": "user", "content": different(2)[0]}],
        "stream": True,
        "n": 2,
    }
    with (
        OpenAI(base_url=door.base, api_key="none") as client,
        client.chat.completions.with_streaming_response.create(
            **asked, stream_options={"include_usage": True}
        ) as answer,
    ):
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert len(lines) > 4
    for line in lines[:-1]:
        validator.validate(json.loads(line.removeprefix("data: ")))
