"""Writes what training needs into one file: the model's weights and the tokenised sentences.

`python prepare.py MODEL.onnx TOKENIZER.json GIVEN FAMILIES OUT.pt [--made N] [--talk N]
[--but NAME] FILE...`. MODEL is the float model that `int8.py` writes out on its way. FILEs are
labelled conversations and texts (benchmarks/pii.py reads the same), and banking questions without
labels; `--but` leaves out those whose name holds NAME, to measure on a source that was not seen.
Needs torch, onnx, faker and tokenizers. In GIVEN common names stand several times.
"""

import argparse
import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from sentences import sentences
from talk import lines
from tokenizers import Tokenizer

SEED = 11
MOST = 96
REST = 0
NAME = 1
ADDRESS = 2
NOT_JUDGED = -2  # singers and practices: whether they are named is not held against the model
GROUPS = {"NAME": NAME, "PERSON": NAME, "ADDRESS": ADDRESS}
# SGD labels few of the streets that its turns hold
PLAINLY_ADDRESS = re.compile(
    r"\b\d{1,5}(?:-?[A-Za-z])?,? (?:[\w.'’#-]+ ){1,5}?(?:avenue|ave|boulevard|blvd|court|ct|drive|dr|"
    r"freeway|highway|hwy|lane|ln|parkway|pkwy|place|plaza|road|rd|square|street|st|way)\b",
    re.IGNORECASE,
)
WITHOUT = 2  # turns without a label for each with one
LEAST, MOST_OF_ONE = (
    9_000,
    20_000,
)  # rows of a file: a small one is repeated, of a large one some are left
Row = tuple[str, list[tuple[int, int, str]]]


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


def encode(tokenizer: Tokenizer, rows: list[Row]) -> list[tuple[list[int], list[int]]]:
    """Token ids with [CLS] and [SEP], and a group for each."""
    encoded = []
    for (_, spans), e in zip(
        rows,
        tokenizer.encode_batch([text for text, _ in rows], add_special_tokens=False),
        strict=True,
    ):
        groups = [
            next(
                (GROUPS.get(kind, NOT_JUDGED) for a, b, kind in spans if start < b and end > a),
                REST,
            )
            for start, end in e.offsets
        ]
        encoded.append(([2, *e.ids[: MOST - 2], 3], [REST, *groups[: MOST - 2], REST]))
    return encoded


def labelled(path: str, rng: random.Random) -> list[Row]:
    """Every text with a label, WITHOUT others for each, and the same in small letters."""
    named, others = [], []
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for record in map(json.loads, stream):
            if record.get("source") == "banking77" and record.get("kind") == "query":
                others.append((record["query"], []))
            for row in _turns(record):
                (named if row[1] else others).append(row)
    rng.shuffle(others)
    rows = named + others[: max(WITHOUT * len(named), 3_000)]
    small = [(text.lower(), spans) for text, spans in rows if len(text.lower()) == len(text)]
    rng.shuffle(small)
    return rows + small[: len(small) // 2]


def _turns(record: dict[str, Any]) -> list[Row]:
    if "messages" not in record or (
        not record.get("pii_gold") and not record.get("pii_complete_types")
    ):
        return []
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for s in record.get("pii_gold") or []:
        if s["type"] in {"PERSON", "ADDRESS", "PROVIDER_NAME", "PUBLIC_FIGURE"}:
            spans.setdefault(s["message_id"], []).append((s["start"], s["end"], s["type"]))
    rows = []
    for i, message in enumerate(record["messages"]):
        text = message.get("content") or ""
        name = message.get("message_id") or f"{record['conversation_id']}#{i}"
        own = spans.get(name, [])
        own += [(m.start(), m.end(), "?") for m in PLAINLY_ADDRESS.finditer(text)]
        if text:
            rows.append((text, own))
    return rows


def of_even_size(rows: list[Any]) -> list[Any]:
    """LEAST to MOST_OF_ONE rows, so that no source outweighs the others."""
    return (rows * -(-LEAST // len(rows)))[: max(LEAST, min(len(rows), MOST_OF_ONE))]


def main() -> None:
    """Prepare."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "tokens", "given", "families", "out"):
        parser.add_argument(name)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--made", type=int, default=30_000)
    parser.add_argument("--talk", type=int, default=60_000)
    parser.add_argument("--but", default="nothing")
    wanted = parser.parse_intermixed_args()
    tokenizer = Tokenizer.from_file(wanted.tokens)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    first, last = (
        [w.split()[0].capitalize() for w in Path(p).read_text(encoding="utf-8").splitlines()]
        for p in (wanted.given, wanted.families)
    )
    known = {name.lower() for name in first + last}
    words = sorted(
        w
        for w in tokenizer.get_vocab()
        if w.isalpha() and w.isascii() and w.islower() and len(w) > 2 and w not in known
    )
    rng = random.Random(SEED)
    data: dict[str, Any] = {
        "made": encode(tokenizer, list(sentences(SEED, wanted.made, first, last[:20000], words))),
        "talk": encode(tokenizer, list(lines(SEED, wanted.talk, words))),
        "dev_made": encode(tokenizer, list(sentences(SEED + 1, 1500, first, last[20000:], words))),
        "dev_talk": encode(tokenizer, list(lines(SEED + 1, 1500, words))),
    }
    for file in wanted.files:
        name = Path(file).name.partition(".")[0]
        rows = encode(tokenizer, labelled(file, rng))
        rng.shuffle(rows)
        data[f"dev_{name}"] = rows[:600]
        if wanted.but not in name:
            data[name] = of_even_size(rows[600:])
    print({name: len(rows) for name, rows in data.items()})
    torch.save({"weights": weights(Path(wanted.model)), "data": data}, wanted.out)


if __name__ == "__main__":
    main()
