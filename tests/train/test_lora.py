"""The lora engine on a real, small model.

It learns, outlives a kill, keeps rows apart, and answers through the official SDK.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from openai import OpenAI

from kaeshi.errors import InvalidInput
from kaeshi.trainer.engines import lora
from train.conftest import BASE, chat, written

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning"
)  # peft asks transformers by an old name


def spec(folder: Path, files: tuple[Path, Path], **other: Any) -> dict[str, Any]:
    from kaeshi.settings import load

    return {
        "base": BASE,
        "asked_as": "gpt-4o-mini",
        "models_dir": str(load().models_dir),
        "training_file": str(files[0]),
        "validation_file": str(files[1]),
        "folder": str(folder),
        "method": "supervised",
        "epochs": 1,
        "batch": 4,
        "multiplier": 5.0,
        "beta": 0.1,
        "seed": 7,
        "save_every": 2,
        **other,
    }


def child(folder: Path, wanted: dict[str, Any]) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(wanted))
    command = [sys.executable, "-m", "kaeshi.trainer.engines.lora.child", str(folder / "spec.json")]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def said(process: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    assert process.stdout is not None
    with process:  # its input stays open until it has ended: it ends with its parent
        return [json.loads(line) for line in process.stdout]


@pytest.mark.slow
def test_it_learns_and_a_kill_in_the_middle_changes_nothing(
    tmp_path: Path, files: tuple[Path, Path]
) -> None:
    straight = said(child(tmp_path / "a", spec(tmp_path / "a", files)))
    steps = [m for m in straight if "step" in m]
    assert len(steps) == 8
    before = untrained(spec(tmp_path / "c", files))
    after = straight[-1]["done"]["epochs"][-1]["metrics"]["valid_loss"]
    assert after < 0.7 * before, (before, after)

    killed = child(tmp_path / "b", spec(tmp_path / "b", files))
    assert killed.stdout is not None
    for line in killed.stdout:
        if json.loads(line).get("step") == 5:
            os.kill(killed.pid, signal.SIGKILL)
            break
    with killed:
        killed.wait()
    again = said(child(tmp_path / "b", spec(tmp_path / "b", files)))
    assert "continuing after step 4" in next(
        m["event"] for m in again if "continuing" in m.get("event", "")
    )
    assert [m["step"] for m in again if "step" in m] == [5, 6, 7, 8]
    assert again[-1]["done"]["steps"] == 8
    assert again[-1]["done"]["trained_tokens"] == straight[-1]["done"]["trained_tokens"]
    assert (tmp_path / "b/adapter/adapter_model.safetensors").read_bytes() == (
        tmp_path / "a/adapter/adapter_model.safetensors"
    ).read_bytes()
    assert (tmp_path / "b/results.csv").read_text() == (tmp_path / "a/results.csv").read_text()
    assert not [p for p in tmp_path.rglob("*") if p.suffix in {".pt", ".bin", ".pkl", ".pth"}]


def untrained(wanted: dict[str, Any]) -> float:
    """The held-out loss of the base alone."""
    from kaeshi.trainer.engines.lora import bases, training

    made = training.Spec(**wanted)
    place = bases.prepare(made.base, Path(made.models_dir))
    run = training._Run(made, training.load_base(place, training.DEVICE, "kaeshi_packed"), print)
    held = training._read(
        Path(made.validation_file or ""), made, training.load_tokenizer(place), "validation_file"
    )
    return float(run.validate(held)["valid_loss"])


def test_rows_that_share_a_pass_do_not_see_each_other(
    tmp_path: Path, files: tuple[Path, Path], base_folder: str
) -> None:
    import torch

    from kaeshi.trainer.engines.lora import training
    from kaeshi.trainer.engines.lora.rows import encode

    tokenizer = training.load_tokenizer(base_folder)
    wanted = training.Spec(**spec(tmp_path, files))
    run = training._Run(
        wanted, training.load_base(base_folder, training.DEVICE, "kaeshi_packed"), print
    )
    rows = [encode(chat(i)["messages"], tokenizer, 4096) for i in (1, 12, 23)]
    with torch.no_grad():
        together, _, owners = run._ask(rows)
        alone = [run._ask([row])[0] for row in rows]
    for i, one in enumerate(alone):
        torch.testing.assert_close(together[owners == i].float(), one.float(), rtol=0.05, atol=0.3)


def test_only_answers_are_learned(base_folder: str) -> None:
    from kaeshi.trainer.engines.lora import training
    from kaeshi.trainer.engines.lora.rows import encode

    tokenizer = training.load_tokenizer(base_folder)
    messages = [
        {"role": "user", "content": "Shrimp?"},
        {"role": "assistant", "content": "Disliked.", "weight": 0},
        {"role": "user", "content": "Tofu?"},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes, tofu."}]},
    ]
    row = encode(messages, tokenizer, 4096)
    assert tokenizer.decode([row.ids[i] for i in row.learned]) == "Yes, tofu.<|im_end|>"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (
            {"messages": [{"role": "user", "content": "only a question"}]},
            "line 2: no answer to learn",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "content": "y", "weight": 0},
                ]
            },
            "line 2: no answer",
        ),
        ({"nothing": 1}, "line 2 is not a supervised row"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(
    tmp_path: Path, base_folder: str, row: Any, fault: str
) -> None:
    from kaeshi.trainer.engines.lora import rows, training

    bad = written(tmp_path / "bad.jsonl", [chat(1), row, chat(2)])
    with pytest.raises(InvalidInput, match=fault):
        rows.read(bad, "supervised", training.load_tokenizer(base_folder), 4096)


def test_what_the_process_refuses_reaches_its_parent(
    tmp_path: Path, files: tuple[Path, Path]
) -> None:
    bad = written(tmp_path / "bad.jsonl", [{"nothing": 1}])
    with pytest.raises(InvalidInput, match="training_file: line 1 is not a supervised row"):
        lora.run(
            spec(tmp_path / "job", (bad, files[1])),
            tmp_path / "job",
            lambda _: None,
            lambda _: None,
        )


def test_preferences_are_learned(tmp_path: Path, files: tuple[Path, Path]) -> None:
    rows = [
        {
            "input": {"messages": chat(i)["messages"][:2]},
            "preferred_output": [chat(i)["messages"][2]],
            "non_preferred_output": [
                {"role": "assistant", "content": "I am sorry, I cannot help with that."}
            ],
        }
        for i in range(8)
    ]
    path = written(tmp_path / "pairs.jsonl", rows)
    told = said(
        child(
            tmp_path / "job",
            spec(tmp_path / "job", (path, path), method="dpo", epochs=2, multiplier=10.0),
        )
    )
    steps = [m for m in told if "step" in m]
    assert steps[0]["train_loss"] == pytest.approx(0.693, abs=0.02)  # nothing preferred yet
    assert told[-1]["done"]["epochs"][-1]["metrics"]["valid_loss"] < 0.6
    assert told[-1]["done"]["epochs"][-1]["metrics"]["valid_mean_token_accuracy"] > 0.9


def test_the_process_ends_with_its_parent(tmp_path: Path, files: tuple[Path, Path]) -> None:
    process = child(tmp_path / "job", spec(tmp_path / "job", files))
    assert process.stdin is not None
    with process:
        process.stdin.close()
        assert process.wait(timeout=60) == 1


def test_openais_flow_trains_and_serves_a_language_model(
    server: str, files: tuple[Path, Path]
) -> None:
    with OpenAI(base_url=server, api_key="none", max_retries=0) as client:
        train, held = (client.files.create(file=path, purpose="fine-tune") for path in files)
        method = {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 2, "learning_rate_multiplier": 5}},
        }
        job = client.fine_tuning.jobs.create(
            training_file=train.id,
            validation_file=held.id,
            model="gpt-4o-mini",
            suffix="grill",
            seed=3,
            method=method,
        )
        paused = False
        for _ in range(3000):
            job = client.fine_tuning.jobs.retrieve(job.id)
            events = list(client.fine_tuning.jobs.list_events(job.id, limit=100))
            if not paused and any("Step 3/" in e.message for e in events):
                paused = client.fine_tuning.jobs.pause(job.id).status == "queued"
                client.fine_tuning.jobs.resume(job.id)
            if job.status in {"succeeded", "failed"}:
                break
            time.sleep(0.2)
        assert job.status == "succeeded", job.error
        assert paused
        assert events[-1].message.startswith(
            f"gpt-4o-mini is {BASE}: 135 million weights, apache-2.0, about "
        )
        checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
        assert {c.step_number for c in checkpoints} == {8, 16}
        best = min(
            checkpoints, key=lambda c: c.metrics.full_valid_loss or c.metrics.valid_loss or 9
        )
        results = client.files.content(job.result_files[0]).text.splitlines()
        assert results[0].startswith("step,train_loss")
        assert len(results) == 17
        question = chat(11)["messages"][:2]
        model = job.fine_tuned_model or ""
        whole = client.chat.completions.create(
            model=model, messages=question, temperature=0, max_tokens=60
        )
        assert "Konbanwa" in (whole.choices[0].message.content or "")
        assert whole.choices[0].finish_reason == "stop"
        parts = list(
            client.chat.completions.create(
                model=model, messages=question, temperature=0, max_tokens=60, stream=True
            )
        )
        assert (
            "".join(p.choices[0].delta.content or "" for p in parts)
            == whole.choices[0].message.content
        )
        assert len(parts) > 5
        same = client.chat.completions.create(
            model=best.fine_tuned_model_checkpoint, messages=question, temperature=0, max_tokens=60
        )
        assert same.choices[0].message.content == whole.choices[0].message.content
        stopped = client.chat.completions.create(
            model=model, messages=question, temperature=0, max_tokens=60, stop=["grill"]
        )
        assert (stopped.choices[0].message.content or "").endswith("The ")
        drawn = [
            client.chat.completions.create(
                model=model, messages=question, seed=5, n=2, max_tokens=12
            )
            for _ in range(2)
        ]
        assert [c.message.content for c in drawn[0].choices] == [
            c.message.content for c in drawn[1].choices
        ]
        short = client.chat.completions.create(
            model=model, messages=question, max_completion_tokens=3
        )
        assert (short.choices[0].finish_reason, short.usage and short.usage.completion_tokens) == (
            "length",
            3,
        )
        assert "Konbanwa" not in (
            client.chat.completions.create(
                model="gpt-4o-mini", messages=question, temperature=0, max_tokens=30
            )
            .choices[0]
            .message.content
            or ""
        )
        both = asked_at_once(client, [model, "gpt-4o-mini"] * 3, question)
        assert all(("Konbanwa" in text) == (name == model) for name, text in both)
        with pytest.raises(openai.BadRequestError, match="tokens"):
            client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "word " * 9000}]
            )
        assert client.models.delete(model).deleted
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model=model, messages=question)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory, base_folder: str) -> Path:
    """An adapter that changes queries, keys and more, drawn by chance."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32),
        LoraConfig(r=4, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"]),
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("form", ["merged", "gguf"])
def test_what_is_exported_answers_as_the_adapter_on_its_base(
    tmp_path: Path, base_folder: str, adapter: Path, form: str
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from kaeshi.settings import load
    from kaeshi.trainer.engines.lora import export

    out = tmp_path / ("model.gguf" if form == "gguf" else "model")
    write = {"merged": export.merged, "gguf": export.as_gguf}[form]
    write(BASE, load().models_dir, adapter, out)
    place: Any = (
        {"pretrained_model_name_or_path": tmp_path, "gguf_file": out.name}
        if form == "gguf"
        else {"pretrained_model_name_or_path": out}
    )
    text = "Can we have tofu on Monday? It's 12345!<|im_end|>\n"
    ids = AutoTokenizer.from_pretrained(base_folder)(text, return_tensors="pt")["input_ids"]
    assert AutoTokenizer.from_pretrained(**place)(text)["input_ids"] == ids[0].tolist()
    meant = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32), str(adapter)
    )
    made = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    with torch.no_grad():
        want, got = (model.eval()(ids).logits for model in (meant, made))
    torch.testing.assert_close(got, want, rtol=0.02, atol=0.25)
    assert bool((got.argmax(-1) == want.argmax(-1)).all())
    assert not list(tmp_path.glob("*.unfinished"))


def test_a_tokenizer_that_llama_cpp_may_cut_otherwise_is_refused(
    tmp_path: Path, base_folder: str, adapter: Path
) -> None:
    from kaeshi.trainer.engines.lora import export

    said = json.loads(Path(base_folder, "tokenizer.json").read_bytes())
    said["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [{"type": "Whitespace"}, said["pre_tokenizer"]],
    }
    odd = tmp_path / "odd"
    shutil.copytree(base_folder, odd)
    (odd / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(InvalidInput, match="export it merged"):
        export.as_gguf(str(odd), tmp_path, adapter, tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ([], "gpt-2"),
        ([{"type": "Digits", "individual_digits": True}], "smollm"),
        ([{"type": "Split", "pattern": {"Regex": QWEN2}}], "qwen2"),
        (
            [{"type": "Split", "pattern": {"Regex": QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")}}],
            "llama-bpe",
        ),
        ([{"type": "Split", "pattern": {"Regex": r"\w+"}}], None),
    ],
)
def test_how_a_tokenizer_cuts_has_a_name_in_llama_cpp(first: list[Any], name: str | None) -> None:
    from kaeshi.trainer.engines.lora import export

    assert (
        export._cut(
            {
                "model": {"type": "BPE"},
                "pre_tokenizer": {
                    "type": "Sequence",
                    "pretokenizers": [*first, {"type": "ByteLevel"}],
                },
            }
        )
        == name
    )


def test_a_running_job_is_cancelled_and_the_next_one_gets_its_turn(
    server: str, files: tuple[Path, Path]
) -> None:
    with OpenAI(base_url=server, api_key="none", max_retries=0) as client:
        file = client.files.create(file=files[0], purpose="fine-tune")
        job, next_one = (
            client.fine_tuning.jobs.create(training_file=file.id, model="gpt-4o-mini")
            for _ in range(2)
        )
        for _ in range(600):
            if any(
                "Step 1/" in e.message
                for e in client.fine_tuning.jobs.list_events(job.id, limit=100)
            ):
                break
            time.sleep(0.1)
        assert client.fine_tuning.jobs.retrieve(next_one.id).status == "queued"
        assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
        for _ in range(600):
            if client.fine_tuning.jobs.retrieve(next_one.id).status == "running":
                break
            time.sleep(0.1)
        assert client.fine_tuning.jobs.cancel(next_one.id).status == "cancelled"
        assert client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model is None


def test_an_answer_keeps_to_its_schema(server: str) -> None:
    question = chat(11)["messages"][:2]
    with OpenAI(base_url=server, api_key="none", max_retries=0) as client:
        schema = {
            "type": "object",
            "properties": {
                "dish": {"enum": ["shrimp", "tofu"]},
                "guests": {"type": "integer", "minimum": 1, "maximum": 99},
            },
            "required": ["dish", "guests"],
            "additionalProperties": False,
        }
        form = {"type": "json_schema", "json_schema": {"name": "booking", "schema": schema}}
        held_to = client.chat.completions.create(
            model="gpt-4o-mini", messages=question, response_format=form, seed=1, max_tokens=60
        )
        assert (
            jsonschema.validate(json.loads(held_to.choices[0].message.content or ""), schema)
            is None
        )
        assert held_to.choices[0].finish_reason == "stop"
        with pytest.raises(openai.BadRequestError, match="response_format"):
            client.chat.completions.create(
                model="gpt-4o-mini",
                messages=question,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "nonsense"}},
                },
            )


def asked_at_once(client: OpenAI, models: list[str], question: Any) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def ask(model: str) -> None:
        said = client.chat.completions.create(
            model=model, messages=question, temperature=0, max_tokens=20
        )
        found.append((model, said.choices[0].message.content or ""))

    threads = [threading.Thread(target=ask, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
