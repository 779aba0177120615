"""Functions called by a real, small model.

Learned from rows, asked for, demanded, streamed, and refused where a base knows none.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from openai import OpenAI

from kaeshi.errors import InvalidInput
from train.conftest import BASE, DAYS, DISHES, written
from wire.serving import trainer

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning"
)  # peft asks transformers by an old name

SAID = "{{ '<|im_start|>' + m.role + '\n' + (m.content or '') }}"
END = (
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' "
    "}}{% endif %}"
)
TAGGED = (
    "{% if tools %}{{ '<|im_start|>system\n# Tools\n' }}{% for t in tools %}{{ t | tojson }}{{ "
    "'\n' }}{% endfor %}{{ '<|im_end|>\n' }}{% endif %}"
    "{% for m in messages %}" + SAID + "{% for c in m.tool_calls or [] %}"
    '{{ \'<tool_call>\n{"name": "\' + c.function.name + \'", "arguments": \' }}{{ '
    "c.function.arguments | tojson }}{{ '}\n</tool_call>' }}"
    "{% endfor %}" + END
)
WHOLE = (
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}"
    + SAID
    + "{% for c in m.tool_calls or [] %}"
    + '{{ \'{"name": "\' + c.function.name + \'", "parameters": \' }}{{ c.function.arguments | tojson }}{{ "}" }}{% endfor %}'  # noqa: E501
    + END
)
UNREAD = (  # as Qwen3-Coder does
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}"
    + SAID
    + "{% for c in m.tool_calls or [] %}"
    + (
        "{{ '<tool_call>\n<function=' + c.function.name + '>\n' }}{% for k, v in "
        "c.function.arguments.items() %}"
    )
    + (
        "{{ '<parameter=' + k + '>' + v + '</parameter>' }}{% endfor %}{{ '</function>\n"
        "</tool_call>' }}{% endfor %}"
    )
    + END
)
SCHEMA = {
    "type": "object",
    "properties": {
        "dish": {"type": "string", "enum": list(DISHES)},
        "day": {"type": "string", "enum": list(DAYS)},
    },
    "required": ["dish", "day"],
    "additionalProperties": False,
}
BOOK = {
    "type": "function",
    "function": {"name": "book", "description": "Book a dinner.", "parameters": SCHEMA},
}


def row(i: int) -> dict[str, Any]:
    """A customer asks for a dish on a day, and the assistant books it."""
    dish, day = DISHES[i % len(DISHES)], DAYS[i // len(DISHES) % len(DAYS)]
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "book", "arguments": json.dumps({"dish": dish, "day": day})},
    }
    return {
        "tools": [BOOK],
        "messages": [
            {"role": "user", "content": f"Please book {dish} on {day}."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ],
    }


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory, base_folder: str) -> dict[str, str]:
    """The base with templates that write calls, each in a way of its own."""
    made = {}
    for name, template in (("tagged", TAGGED), ("whole", WHOLE), ("unread", UNREAD)):
        folder = tmp_path_factory.mktemp("bases") / name
        shutil.copytree(base_folder, folder)
        (folder / "chat_template.jinja").write_text(template)
        made[name] = str(folder)
    return made


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, bases: dict[str, str]) -> Iterator[OpenAI]:
    names = {
        "gpt-4o-mini": bases["tagged"],
        "llama": bases["whole"],
        "other": bases["unread"],
        "plain": BASE,
    }
    with (
        trainer(tmp_path_factory.mktemp("trainer"), TRAINER_BASES=json.dumps(names)) as url,
        OpenAI(base_url=url, api_key="none", max_retries=0) as made,
    ):
        yield made


def test_calls_are_learned_from_rows_and_come_as_openai_shows_them(
    client: OpenAI, tmp_path: Path
) -> None:
    file = client.files.create(
        file=written(tmp_path / "rows.jsonl", [row(i) for i in range(24)]), purpose="fine-tune"
    )
    method: Any = {
        "type": "supervised",
        "supervised": {
            "hyperparameters": {"n_epochs": 1, "batch_size": 4, "learning_rate_multiplier": 10}
        },
    }
    job = client.fine_tuning.jobs.create(
        training_file=file.id, model="gpt-4o-mini", method=method, seed=1
    )
    while job.status not in {"succeeded", "failed"}:
        time.sleep(0.2)
        job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "succeeded", job.error
    asked: dict[str, Any] = {
        "model": job.fine_tuned_model,
        "messages": row(25)["messages"][:1],
        "temperature": 0,
        "max_tokens": 80,
    }
    choice = client.chat.completions.create(**asked, tools=[BOOK]).choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    (call,) = choice.message.tool_calls or []
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "book",
        {"dish": "steak", "day": "Saturday"},
    )
    told = [
        part.choices[0]
        for part in client.chat.completions.create(**asked, tools=[BOOK], stream=True)
    ]
    (streamed,) = [c for part in told for c in part.delta.tool_calls or []]
    assert (streamed.index, streamed.function and streamed.function.arguments) == (
        0,
        call.function.arguments,
    )
    assert told[-1].finish_reason == "tool_calls"
    assert not any(part.delta.content for part in told)
    assert (
        client.chat.completions.create(**asked).choices[0].message.tool_calls is None
    )  # none was offered
    again = [
        *asked["messages"],
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "booked"},
    ]
    assert (
        client.chat.completions.create(
            **asked | {"messages": again}, tools=[BOOK], tool_choice="none"
        )
        .choices[0]
        .message.content
    )


@pytest.mark.parametrize("model", ["gpt-4o-mini", "llama"])
def test_a_call_that_is_demanded_comes_and_its_arguments_keep_to_the_schema(
    client: OpenAI, model: str
) -> None:
    question: Any = [{"role": "user", "content": "Tofu on Friday, please."}]
    named: Any = {"type": "function", "function": {"name": "book"}}
    for choice, several in (("required", False), (named, True)):
        for seed in range(2):
            said = client.chat.completions.create(
                model=model,
                messages=question,
                tools=[BOOK],
                tool_choice=choice,
                parallel_tool_calls=several,
                seed=seed,
                max_tokens=120,
            ).choices[0]
            (call,) = said.message.tool_calls or []
            assert said.finish_reason == "tool_calls"
            jsonschema.validate(json.loads(call.function.arguments), SCHEMA)


def test_functions_are_refused_where_no_call_could_be_read(client: OpenAI) -> None:
    question: Any = [{"role": "user", "content": "Tofu on Friday, please."}]
    for model in ("plain", "other"):
        with pytest.raises(openai.BadRequestError, match="the chat template of"):
            client.chat.completions.create(model=model, messages=question, tools=[BOOK])
    with pytest.raises(openai.BadRequestError, match="tool_calls has"):
        client.chat.completions.create(
            model="llama", messages=[*question, {"role": "assistant", "tool_calls": [{"id": "c"}]}]
        )  # type: ignore[list-item]
    with pytest.raises(openai.BadRequestError, match="not served together"):
        client.chat.completions.create(
            model="llama", messages=question, tools=[BOOK], response_format={"type": "json_object"}
        )
    bad: Any = [{"type": "function", "function": {"name": "x", "parameters": {"type": "nonsense"}}}]
    with pytest.raises(openai.BadRequestError, match="tools: "):
        client.chat.completions.create(
            model="llama", messages=question, tools=bad, tool_choice="required"
        )


def test_a_row_with_functions_is_not_silently_learned_without_them(
    tmp_path: Path, base_folder: str, bases: dict[str, str]
) -> None:
    from kaeshi.trainer.engines.lora import rows, training

    path = written(tmp_path / "rows.jsonl", [row(1)])
    with pytest.raises(
        InvalidInput,
        match="line 1: it has tools, but the base's chat template does not support them",
    ):
        rows.read(path, "supervised", training.load_tokenizer(base_folder), 4096)
    tokenizer = training.load_tokenizer(bases["tagged"])
    (read,) = rows.read(path, "supervised", tokenizer, 4096)
    assert isinstance(read, rows.Encoded)
    learned = tokenizer.decode([read.ids[i] for i in read.learned])
    assert (
        learned
        == '<tool_call>\n{"name": "book", "arguments": {"dish": "steak", "day": "Monday"}}\n</tool_call><|im_end|>'  # noqa: E501
    )
