"""Exports of a model trained here.

Its base with the adapter merged, as a folder that transformers and vLLM read, or as one GGUF file
for llama.cpp and Ollama. GGUF is written for the architectures and tokenizers below, whose weights
are copied or moved by a known rule; for any other, export the merged folder and use llama.cpp's own
converter.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from kaeshi.errors import InvalidInput
from kaeshi.files import sha256_of
from kaeshi.nouns import Json
from kaeshi.trainer import manifests
from kaeshi.trainer.engines.lora import bases
from kaeshi.trainer.engines.lora.loading import load_tokenizer


@dataclass(frozen=True)
class _Architecture:
    """An architecture as llama.cpp knows it.

    `turned`: rotary weights of queries and keys are interleaved there, in halves here.
    """

    name: str
    kind: gguf.MODEL_ARCH
    turned: bool


_ARCHITECTURES = {
    "LlamaForCausalLM": _Architecture("llama", gguf.MODEL_ARCH.LLAMA, turned=True),
    "MistralForCausalLM": _Architecture("llama", gguf.MODEL_ARCH.LLAMA, turned=True),
    "Qwen2ForCausalLM": _Architecture("qwen2", gguf.MODEL_ARCH.QWEN2, turned=False),
}
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# pre-tokenizer patterns by their name in llama.cpp
_CUTS = {_WORDS + r"\p{N}" + _REST: "qwen2", _WORDS + r"\p{N}{1,3}" + _REST: "llama-bpe"}


def merged(base: str, models_dir: Path, adapter: Path, out: Path) -> Json:
    """Write the base with the adapter merged in as safetensors; returns the manifest.

    With its tokenizer.
    """
    place = bases.prepare(base, models_dir)
    plain = AutoModelForCausalLM.from_pretrained(
        place, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    kind = (
        json.loads(Path(place, "config.json").read_bytes()).get("dtype", "bfloat16")
        if Path(place).is_dir()
        else "bfloat16"
    )
    model = PeftModel.from_pretrained(plain, str(adapter)).merge_and_unload()
    return _save_merged(out, model, kind, place, base)


def _save_merged(out: Path, model: Any, kind: Any | str, place: str, base: str) -> Json:
    fresh = out.with_name(f"{out.name}.unfinished")
    shutil.rmtree(fresh, ignore_errors=True)
    model.to(getattr(torch, kind)).save_pretrained(fresh)
    load_tokenizer(place).save_pretrained(fresh)
    files = {path.name: sha256_of(path) for path in sorted(fresh.iterdir())}
    manifest = manifests.write(
        fresh, {"engine": "lora", "base": base, "form": "merged", "files": files}
    )
    fresh.rename(out)
    return manifest


def as_gguf(base: str, models_dir: Path, adapter: Path, out: Path) -> Json:
    """Write the merged model as one GGUF file in 16 bits.

    Raises InvalidInput for what llama.cpp would read differently.
    """
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        folder = Path(scratch) / "merged"
        merged(base, models_dir, adapter, folder)
        fresh = out.with_name(f"{out.name}.unfinished")
        _write(folder, fresh, name=base)
        fresh.replace(out)
    return {"engine": "lora", "base": base, "form": "gguf", "files": {out.name: sha256_of(out)}}


def _write(folder: Path, path: Path, *, name: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    config = model.config
    architecture = _ARCHITECTURES.get(type(model).__name__)
    rope = getattr(config, "rope_parameters", None) or {}
    if architecture is None or rope.get("rope_type", "default") != "default":
        msg = (
            f"base {name!r} is a {type(model).__name__} with {rope.get('rope_type', 'default')} "
            "positions; GGUF is supported for "
            f"{', '.join(_ARCHITECTURES)} with default ones: export it merged, and use llama.cpp's "
            "convert_hf_to_gguf.py on that folder"
        )
        raise InvalidInput(msg)
    writer = gguf.GGUFWriter(path, architecture.name)
    size = config.hidden_size // config.num_attention_heads
    head = getattr(config, "head_dim", None) or size
    _add_shape(writer, name, config, head, rope, size)
    _add_tokenizer(writer, folder, config.vocab_size, name)
    _add_tensors(architecture, config, model, name, writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_shape(
    writer: Any, name: str, config: Any, head: Any, rope: Any | dict[Any, Any], size: Any
) -> None:
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10_000.0)))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    if head != size:
        writer.add_key_length(head)
        writer.add_value_length(head)


def _add_tensors(
    architecture: _Architecture, config: Any, model: Any, name: str, writer: Any
) -> None:
    places = gguf.get_tensor_name_map(architecture.kind, config.num_hidden_layers)
    for there, tensor in model.state_dict().items():
        if there == "lm_head.weight" and config.tie_word_embeddings:
            continue
        called = places.get_name(there, try_suffixes=(".weight", ".bias"))
        if called is None:
            msg = (
                f"base {name!r}: GGUF cannot hold {there!r} of a {type(model).__name__}; "
                "export it merged"
            )
            raise InvalidInput(msg)
        values = tensor.numpy()
        if architecture.turned and ".q_proj." in there:
            values = _turned(values, config.num_attention_heads)
        if architecture.turned and ".k_proj." in there:
            values = _turned(values, config.num_key_value_heads)
        writer.add_tensor(called, values if values.ndim < 2 else values.astype(np.float16))


def _turned(values: Any, heads: int) -> Any:
    """Rows of each head from halves to pairs, as llama.cpp orders them."""
    return (
        values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
        .swapaxes(1, 2)
        .reshape(values.shape)
    )


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, size: int, name: str) -> None:
    tokenizer = load_tokenizer(str(folder))
    said = json.loads((folder / "tokenizer.json").read_bytes())
    cut = _cut(said)
    if cut is None:
        msg = (
            f"base {name!r} has a tokenizer that GGUF export does not know: export it "
            "merged, and use llama.cpp's convert_hf_to_gguf.py"
        )
        raise InvalidInput(msg)
    words = {number: word for word, number in tokenizer.get_vocab().items()}
    added = {token["id"]: token for token in said["added_tokens"]}
    kinds = _kinds_of(size, words, added)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut)
    writer.add_token_list([words.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types(kinds)
    gguf.SpecialVocab(folder, load_merges=True, n_vocab=size).add_to_gguf(writer)


def _kinds_of(size: int, words: dict[Any, Any], added: dict[Any, Any]) -> list[Any]:
    return [
        gguf.TokenType.UNUSED
        if number not in words
        else gguf.TokenType.NORMAL
        if number not in added
        else gguf.TokenType.CONTROL
        if added[number]["special"]
        else gguf.TokenType.USER_DEFINED
        for number in range(size)
    ]


def _cut(said: Json) -> str | None:
    """llama.cpp's name for this byte-level tokenizer's pre-tokenizer, None if it has none."""
    first = said.get("pre_tokenizer") or {}
    steps = first.get("pretokenizers", [first])
    kinds = [step.get("type") for step in steps]
    if said["model"].get("type") != "BPE" or "ByteLevel" not in kinds:
        return None
    if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
        return "smollm"
    if kinds == ["ByteLevel"]:
        return "gpt-2"
    if kinds == ["Split", "ByteLevel"]:
        return _CUTS.get((steps[0].get("pattern") or {}).get("Regex", ""))
    return None
