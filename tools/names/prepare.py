"""Writes what training needs into one file: the model's weights and the tokenised sentences.

`python prepare.py MODEL.onnx TOKENIZER.json GIVEN FAMILIES WNUT.jsonl.gz QUERIES.jsonl.gz OUT.pt`.
MODEL is the float model that `int8.py` writes out on its way. Needs torch, onnx and tokenizers. In
GIVEN common names stand several times.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from sentences import sentences
from tokenizers import Tokenizer

SEED = 11
COUNT = 60_000
MOST = 96
REST = 0
NAME = 1
ADDRESS = 2


def weights(path: Path) -> dict[str, torch.Tensor]:
    """Every weight under one name, matrices as (in, out)."""
    held = {
        t.name: torch.from_numpy(numpy_helper.to_array(t).copy())
        for t in onnx.load(path).graph.initializer
    }
    found = {}
    for name, value in held.items():
        if name.endswith("_quantized"):
            stem = name.removesuffix("_quantized")
            zero = held.get(f"{stem}_zero_point", torch.zeros(())).float()
            found[stem] = (value.float() - zero) * held[f"{stem}_scale"].float()
        elif name.endswith("_weight"):
            found[name.strip("/").replace("/", ".").replace("MatMul_Q4_weight", "weight")] = value
        elif name.startswith(("bert.", "classifier.")) and not name.endswith(
            ("_scale", "_zero_point")
        ):
            found[name] = value
    return found


def encode(
    tokenizer: Tokenizer, rows: list[tuple[str, list[tuple[int, int, str]]]]
) -> list[tuple[list[int], list[int]]]:
    """Token ids with [CLS] and [SEP], and a group for each."""
    encoded = []
    for (_, spans), e in zip(
        rows,
        tokenizer.encode_batch([text for text, _ in rows], add_special_tokens=False),
        strict=True,
    ):
        groups = [
            next(
                (
                    NAME if kind == "NAME" else ADDRESS
                    for a, b, kind in spans
                    if start < b and end > a
                ),
                REST,
            )
            for start, end in e.offsets
        ]
        encoded.append(([2, *e.ids[: MOST - 2], 3], [REST, *groups[: MOST - 2], REST]))
    return encoded


def tweets(path: str) -> list[tuple[str, list[tuple[int, int, str]]]]:
    """WNUT17 train (CC BY 4.0) with its people."""
    rows = []
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for record in map(json.loads, stream):
            rows.append(
                (
                    record["messages"][0]["content"],
                    [(s["start"], s["end"], "NAME") for s in record["pii_gold"]],
                )
            )
    return rows


def queries(path: str) -> list[tuple[str, list[tuple[int, int, str]]]]:
    """Banking77 (CC BY 4.0): questions in which nobody is named."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        records = [
            r
            for r in map(json.loads, stream)
            if r["source"] == "banking77" and r["kind"] == "query"
        ]
    return [(r["query"], []) for r in records]


def main(model: str, tokens: str, given: str, families: str, wnut: str, kb: str, out: str) -> None:
    """Prepare."""
    tokenizer = Tokenizer.from_file(tokens)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    first = [
        w.split()[0].capitalize() for w in Path(given).read_text(encoding="utf-8").splitlines()
    ]
    last = [
        w.split()[0].capitalize() for w in Path(families).read_text(encoding="utf-8").splitlines()
    ]
    known = {name.lower() for name in first + last}
    words = sorted(
        w
        for w in tokenizer.get_vocab()
        if w.isalpha() and w.isascii() and w.islower() and len(w) > 2 and w not in known
    )
    made = list(sentences(SEED, COUNT, first, last[:20000], words))
    noisy = tweets(wnut)
    plain = queries(kb)
    lowered = [(text.lower(), spans) for text, spans in noisy if len(text.lower()) == len(text)]
    cut = len(noisy) * 4 // 5
    data: dict[str, Any] = {
        "made": encode(tokenizer, made),
        "noisy": encode(tokenizer, noisy[:cut] + lowered[:cut] + lowered[:cut]),
        "plain": encode(tokenizer, plain),
        "dev": encode(tokenizer, noisy[cut:] + lowered[cut:]),
        "dev_made": encode(tokenizer, list(sentences(SEED + 1, 3000, first, last[20000:], words))),
    }
    torch.save({"weights": weights(Path(model)), "data": data}, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
