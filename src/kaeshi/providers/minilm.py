"""Sentence embeddings by all-MiniLM-L6-v2 (Apache-2.0), int8, on ONNX Runtime.

Without torch and without downloads.
"""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kaeshi.models.onnx import session, spread
from kaeshi.ports import Vectors

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

MAX_TOKENS = 64
BATCH = 32
REMEMBERED = 8192
WIDTH = 384
EARLY = "layer_norm_4"  # the output of the second of six blocks
EARLY_WEIGHT = 0.7
# everyday sentences; the second block's vectors share their mean, and differences from it separate
# texts
PLAIN = (
    "Hello, how can I help you?",
    "Thank you very much, that was helpful.",
    "Yes, please.",
    "No, that is all for today.",
    "Could you tell me your name?",
    "My name is Sam and I live in the city.",
    "What does it cost?",
    "It is 40 dollars for two people.",
    "I would like to book it for Friday at 7 pm.",
    "I am sorry, that is not available.",
    "Is there anything else that I can do for you?",
    "Can I change or cancel it later?",
    "Where is it, and how do I get there?",
    "It was wrong, and I am not happy about it.",
    "Let me check that for you.",
    "Have a nice day, goodbye.",
)


class MiniLMEmbedder:
    """An Embedder.

    The model loads at the first text; `threads` bounds the cores it uses (0: all).
    """

    name = "all-MiniLM-L6-v2-int8"
    dimensions = WIDTH

    def __init__(self, models_dir: Path, threads: int = 0) -> None:
        self._models_dir = models_dir
        self._threads = threads
        self._session: InferenceSession | None = None
        self._tokenizer: Tokenizer | None = None
        self._remembered: dict[str, Vectors] = {}  # the same greetings and answers recur

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), 384).

        Batches are sorted by length, to pad little; rows come back in the order of `texts`. Raises
        MissingModel before `kaeshi models fetch`.
        """
        return self.both(texts)[:, :WIDTH]

    def both(self, texts: Sequence[str]) -> Vectors:
        """`embed`, and the unit vectors of the second block, shape (len(texts), 768)."""
        vectors = np.empty((len(texts), 2 * WIDTH), np.float32)
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
        vectors = np.empty((len(texts), 2 * WIDTH), np.float32)
        if not texts:
            return vectors
        session, tokenizer = self._load()
        encoded = tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i].ids))

        def compute(rows: list[int]) -> None:
            ids, mask = _padded(encoded, rows)
            vectors[rows] = _pooled(session, ids, mask)

        spread(
            compute,
            [order[start : start + BATCH] for start in range(0, len(order), BATCH)],
            self._threads,
        )
        return vectors

    def _load(self) -> "tuple[InferenceSession, Tokenizer]":
        if self._session is None or self._tokenizer is None:
            from tokenizers import Tokenizer

            self._session = session(self._models_dir, "minilm-l6-int8.onnx", EARLY)
            self._tokenizer = Tokenizer.from_str(
                resources.files("kaeshi")
                .joinpath("data", "minilm_tokenizer.json")
                .read_text(encoding="utf-8")
            )
            self._tokenizer.enable_truncation(MAX_TOKENS)
            self._tokenizer.no_padding()
        return self._session, self._tokenizer


def _padded(
    encoded: "list[Encoding]", rows: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    width = len(encoded[rows[-1]].ids)
    ids = np.zeros((len(rows), width), np.int64)
    mask = np.zeros((len(rows), width), np.int64)
    for r, i in enumerate(rows):
        ids[r, : len(encoded[i].ids)] = encoded[i].ids
        mask[r, : len(encoded[i].ids)] = 1
    return ids, mask


class MiniLMFeatures:
    """Features for a trained head.

    The last block gives the sentence's meaning; the second gives its words, which the last has
    partly lost.
    """

    name = f"{MiniLMEmbedder.name}, blocks 6 and 2"
    dimensions = 2 * WIDTH

    def __init__(self, embedder: MiniLMEmbedder) -> None:
        self._embedder = embedder
        self._middle: Vectors | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), 768).

        Unit vectors, then those of the second block, centred on PLAIN and of length EARLY_WEIGHT.
        """
        if self._middle is None:
            self._middle = self._embedder.both(PLAIN)[:, WIDTH:].mean(axis=0)
        vectors = self._embedder.both(texts)
        early = vectors[:, WIDTH:] - self._middle
        vectors[:, WIDTH:] = (
            EARLY_WEIGHT * early / np.maximum(np.linalg.norm(early, axis=1, keepdims=True), 1e-9)
        )
        return vectors


def _pooled(
    session: "InferenceSession",
    ids: "np.ndarray[tuple[int, int], np.dtype[np.int64]]",
    mask: "np.ndarray[tuple[int, int], np.dtype[np.int64]]",
) -> Vectors:
    """The means over a text's tokens, of the last and the early block, scaled to length one."""
    weights = mask[:, :, None].astype(np.float32)
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    halves = []
    for hidden in session.run(["last_hidden_state", EARLY], feed):
        mean = (hidden * weights).sum(axis=1)  # its length does not matter
        halves.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
    return np.asarray(np.hstack(halves), np.float32)
