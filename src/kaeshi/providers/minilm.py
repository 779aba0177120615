"""Sentence embeddings by all-MiniLM-L6-v2 (Apache-2.0), int8, on onnxruntime: no torch, no download."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kaeshi.ports import Vectors
from kaeshi.providers.onnx import session, spread

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

MAX_TOKENS = 64
BATCH = 32
REMEMBERED = 8192


class MiniLMEmbedder:
    """An Embedder. The model loads at the first text; `threads` bounds the cores it uses (0: all)."""

    name = "all-MiniLM-L6-v2-int8"
    dimensions = 384

    def __init__(self, models_dir: Path, threads: int = 0) -> None:
        self._models_dir, self._threads = models_dir, threads
        self._session: InferenceSession | None = None
        self._tokenizer: Tokenizer | None = None
        self._remembered: dict[str, Vectors] = {}  # the same greetings and answers come again and again

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), 384). Raises MissingModel before `kaeshi models fetch`.

        Batches are sorted by length, so that little is padded; rows come back in the order of `texts`.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        known = self._remembered
        unknown = [text for text in dict.fromkeys(texts) if text not in known]
        made = dict(zip(unknown, self._compute(unknown), strict=True))
        for i, text in enumerate(texts):
            vectors[i] = made[text] if text in made else known[text]
        if len(known) + len(made) > REMEMBERED:
            known = self._remembered = {}
        known.update(list(made.items())[:REMEMBERED])
        return vectors

    def _compute(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        if not texts:
            return vectors
        session, tokenizer = self._load()
        encoded = tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i].ids))

        def compute(rows: list[int]) -> None:
            width = len(encoded[rows[-1]].ids)
            ids, mask = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width), np.int64)
            for r, i in enumerate(rows):
                ids[r, : len(encoded[i].ids)] = encoded[i].ids
                mask[r, : len(encoded[i].ids)] = 1
            vectors[rows] = _pooled(session, ids, mask)

        spread(compute, [order[start : start + BATCH] for start in range(0, len(order), BATCH)], self._threads)
        return vectors

    def _load(self) -> "tuple[InferenceSession, Tokenizer]":
        if self._session is None or self._tokenizer is None:
            from tokenizers import Tokenizer

            self._session = session(self._models_dir, "minilm-l6-int8.onnx")
            self._tokenizer = Tokenizer.from_str(
                resources.files("kaeshi").joinpath("data", "minilm_tokenizer.json").read_text(encoding="utf-8")
            )
            self._tokenizer.enable_truncation(MAX_TOKENS)
            self._tokenizer.no_padding()
        return self._session, self._tokenizer


def _pooled(
    session: "InferenceSession",
    ids: "np.ndarray[tuple[int, int], np.dtype[np.int64]]",
    mask: "np.ndarray[tuple[int, int], np.dtype[np.int64]]",
) -> Vectors:
    """The mean over a text's tokens, scaled to length one."""
    wanted = {i.name for i in session.get_inputs()}
    feed = {
        name: value
        for name, value in (("input_ids", ids), ("attention_mask", mask), ("token_type_ids", np.zeros_like(ids)))
        if name in wanted
    }
    hidden = session.run(None, feed)[0]
    if hidden.ndim == 3:  # (texts, tokens, dimensions): not pooled by the model itself
        weights = mask[:, :, None].astype(np.float32)
        hidden = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    return np.asarray(hidden / np.linalg.norm(hidden, axis=1, keepdims=True), np.float32)
