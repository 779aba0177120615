"""Measures what each product's input lies between, so that activations can be rounded on fixed scales.

`python ranges.py MODEL.onnx TOKENIZER.json GIVEN FAMILIES OUT.json`. MODEL is what `int8.py` makes
of the four-bit model before it fixes the scales. Needs faker, onnx, onnxruntime and tokenizers. Sentences
are those that the model was trained on, and the same in small letters.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from sentences import sentences
from talk import lines
from tokenizers import Tokenizer

SEED = 5
COUNT = 3_000
MOST = 94


def main(model: str, tokens: str, given: str, families: str, out: str) -> None:
    """Measure."""
    probe = onnx.load(model)
    inputs = [node.input[0] for node in probe.graph.node if node.op_type == "DynamicQuantizeLinear"]
    probe.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in inputs
    )
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    tokenizer = Tokenizer.from_file(tokens)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    first, last = (
        [
            w.capitalize()
            for line in Path(p).read_text(encoding="utf-8").splitlines()
            if not line.startswith("#")
            for w in line.split()
        ]
        for p in (given, families)
    )
    words = sorted(
        w
        for w in tokenizer.get_vocab()
        if w.isalpha() and w.isascii() and w.islower() and len(w) > 2
    )
    texts = [
        text
        for text, _ in (*sentences(SEED, COUNT, first, last, words), *lines(SEED, COUNT, words))
    ]
    ranges = dict.fromkeys(inputs, (0.0, 0.0))
    for text in [*texts, *map(str.lower, texts)]:
        ids = np.array([[2, *tokenizer.encode(text, add_special_tokens=False).ids[:MOST], 3]])
        said = session.run(
            inputs,
            {
                "input_ids": ids,
                "attention_mask": np.ones_like(ids),
                "token_type_ids": np.zeros_like(ids),
            },
        )
        for name, values in zip(inputs, said, strict=True):
            low, high = ranges[name]
            ranges[name] = (min(low, float(values.min())), max(high, float(values.max())))
    Path(out).write_text(
        json.dumps({name: [round(a, 3), round(b, 3)] for name, (a, b) in ranges.items()}, indent=1)
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
