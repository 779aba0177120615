"""Loading a base and its tokenizer for training."""

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from kaeshi.errors import InvalidInput


def dtype_of(device: str) -> torch.dtype:
    """bfloat16 where the machine multiplies it in hardware."""
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32


def load_base(base: str, device: str, attention: str) -> Any:
    """The base, frozen.

    Safetensors only, and no remote code; in four bits where a GPU and bitsandbytes are present.
    """
    more: dict[str, Any] = {}
    if device == "cuda" and _has("bitsandbytes"):
        from transformers import BitsAndBytesConfig

        more = {
            "quantization_config": BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_compute_dtype=dtype_of(device),
            ),
            "device_map": device,
        }
    model = AutoModelForCausalLM.from_pretrained(
        base,
        dtype=dtype_of(device),
        attn_implementation=attention,
        use_safetensors=True,
        trust_remote_code=False,
        **more,
    )
    return model if more else model.to(device)


def load_tokenizer(base: str) -> Any:
    """The base's tokenizer. Raises InvalidInput without a chat template."""
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=False)
    if not tokenizer.chat_template:
        msg = f"base {base!r} has no chat template: use its instruction-tuned version"
        raise InvalidInput(msg)
    return tokenizer


def _has(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None
