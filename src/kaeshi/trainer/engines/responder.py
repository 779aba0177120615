"""The responder: picks, among the answers it has seen, the one that fits the conversation, or hands over to a person.

A real, modest model. It cannot write: MiniLM embeddings of the last turns go through a trained linear head over the answers of
the training file, and a calibrated confidence says when to hand over. It trains on a CPU in seconds.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import InvalidInput
from kaeshi.files import sha256_of, write_whole
from kaeshi.ports import Embedder, Vectors
from kaeshi.types import Json, text_of

HAND_OVER = "Let me bring in a colleague who can help you with that."
HAND_OVER_BELOW = 0.5
MAX_ANSWERS = 3_000
SCALE, RATE, PULL, BATCH, MIN_STEPS = 12.0, 0.02, 1e-4, 256, 120
EARLIER_WEIGHT = 0.6
# confidence = sigmoid(weights . (similarity, probability, 1)): where it stands before any held-out row has been seen
PRIOR = np.array([10.0, 2.0, -7.0])
PRIOR_STRENGTH = 4.0
_PLACEHOLDER = re.compile(r"\[[A-Z]{2,15}(?:_[A-Z]{2,15}){0,2}_[1-9]\d{0,5}\]")
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A conversation so far, as two texts, and the answer that followed. `row` is the training row it came from."""

    last: str
    earlier: str
    answer: str
    row: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The answer picked, its calibrated confidence, and whether a person should take over instead."""

    text: str
    confidence: float
    hand_over: bool


@dataclass(frozen=True, kw_only=True)
class Responder:
    """A trained head. `contexts` and `owners`: every training context with the number of its answer."""

    answers: tuple[str, ...]
    weights: Floats
    contexts: Floats
    owners: NDArray[np.int32]
    calibration: NDArray[np.float64]

    def choose(self, features: Floats) -> list[Choice]:
        """One choice per row of features, as made by `featurize`."""
        best, similarity, probability = self._best(features)
        sure = _sigmoid(np.stack([similarity, probability, np.ones(len(best))], axis=1) @ self.calibration)
        return [
            Choice(text=self.answers[b] if s >= HAND_OVER_BELOW else HAND_OVER, confidence=round(float(s), 4), hand_over=bool(s < HAND_OVER_BELOW))
            for b, s in zip(best.tolist(), sure.tolist(), strict=True)
        ]

    def _best(self, features: Floats) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Per row the best answer, its nearest training context's cosine, and its softmax probability."""
        logits = features @ self.weights.T
        best = logits.argmax(axis=1)
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability = shifted[np.arange(len(best)), best] / shifted.sum(axis=1)
        similarity = np.empty(len(best))
        norm = float(1 + EARLIER_WEIGHT**2)
        for i, b in enumerate(best.tolist()):
            mine = self.contexts[self.owners == b]
            similarity[i] = float((mine @ features[i]).max()) / norm
        return best, similarity, probability.astype(np.float64)


def samples(rows: Sequence[Json]) -> list[Sample]:
    """Every assistant message of the training rows that may be said: not empty, not weighted 0, without placeholders."""
    found = []
    for number, row in enumerate(rows):
        messages = row["messages"]
        for i, message in enumerate(messages):
            text = text_of(message).strip()
            if message["role"] == "assistant" and text and message.get("weight", 1) != 0 and not _PLACEHOLDER.search(text):
                last, earlier = context(messages[:i])
                if last:
                    found.append(Sample(last=last, earlier=earlier, answer=text, row=number))
    return found


def context(messages: Sequence[Json]) -> tuple[str, str]:
    """The customer's last words, and what was said right before them."""
    spoken = [m for m in messages if m["role"] in {"user", "assistant"} and text_of(m).strip()]
    last = next((i for i in range(len(spoken) - 1, -1, -1) if spoken[i]["role"] == "user"), None)
    if last is None:
        return "", ""
    after = " ".join(text_of(m) for m in spoken[last + 1 :])  # a second assistant message in a row follows the first
    return text_of(spoken[last]), " ".join(text_of(m) for m in spoken[max(0, last - 2) : last]) + after


def featurize(pairs: Sequence[tuple[str, str]], embedder: Embedder) -> Floats:
    """(last, earlier) texts as rows of 2 x dimensions; equal texts are embedded once."""
    texts = list(dict.fromkeys(text for pair in pairs for text in pair if text))
    places = {text: i for i, text in enumerate(texts)}
    vectors: Vectors = np.vstack([embedder.embed(texts), np.zeros((1, embedder.dimensions), np.float32)])
    nothing = len(texts)
    last = vectors[[places.get(pair[0], nothing) for pair in pairs]]
    earlier = vectors[[places.get(pair[1], nothing) for pair in pairs]]
    return np.hstack([last, EARLIER_WEIGHT * earlier])


def train(rows: Sequence[Json], validation: Sequence[Json], epochs: int, embedder: Embedder, progress: Callable[[str], None] = lambda _: None) -> Responder:
    """Fit the head, then calibrate its confidence on the validation rows, or on a tenth of the rows if there are none.

    Raises InvalidInput when no row holds an answer that may be said.
    """
    drawn = samples(rows)
    if not drawn:
        msg = f"{len(rows)} rows hold no answer to learn: assistant messages are missing, empty, or contain placeholders"
        raise InvalidInput(msg)
    progress(f"embedding {len(drawn)} contexts")
    features = featurize([(s.last, s.earlier) for s in drawn], embedder)
    if validation:
        held = samples(validation)
        held_features = featurize([(s.last, s.earlier) for s in held], embedder)
        head = _fit(drawn, features, epochs, progress)
    else:
        side = np.array([int.from_bytes(hashlib.sha256(f"{s.last}\0{s.earlier}".encode("utf-8", "replace")).digest()[:4]) % 10 == 0 for s in drawn])
        held, held_features = [s for s, out in zip(drawn, side, strict=True) if out], features[side]
        head = _fit([s for s, out in zip(drawn, side, strict=True) if not out], features[~side], epochs, progress) if 0 < side.sum() < len(drawn) else None
    calibration = _calibrate(head, held, held_features) if head is not None and held else PRIOR
    final = head if validation and head is not None else _fit(drawn, features, epochs, progress)
    return Responder(answers=final.answers, weights=final.weights, contexts=final.contexts, owners=final.owners, calibration=calibration)


def save(model: Responder, folder: Path, details: Json) -> Json:
    """Write the model's files and then its manifest, which is read first; returns the manifest."""
    buffer = io.BytesIO()
    np.savez(buffer, weights=model.weights.astype(np.float16), contexts=model.contexts.astype(np.float16), owners=model.owners, calibration=model.calibration)
    files = {
        "head.npz": write_whole(folder / "head.npz", buffer.getvalue()),
        "answers.json": write_whole(folder / "answers.json", json.dumps(model.answers, ensure_ascii=False).encode()),
    }
    manifest = {"engine": "responder", **details, "files": files}
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True).encode())
    return manifest


def load(folder: Path) -> Responder:
    """Read a model, after its files' sha256 were compared with the manifest's. Raises InvalidInput for a changed file."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name, expected in manifest["files"].items():
        if sha256_of(folder / name) != expected:
            msg = f"model file {str(folder / name)!r} is not the one its manifest names; train again"
            raise InvalidInput(msg)
    with np.load(folder / "head.npz", allow_pickle=False) as arrays:
        return Responder(
            answers=tuple(json.loads((folder / "answers.json").read_bytes())),
            weights=arrays["weights"].astype(np.float32),
            contexts=arrays["contexts"].astype(np.float32),
            owners=arrays["owners"],
            calibration=arrays["calibration"],
        )


def _fit(drawn: Sequence[Sample], features: Floats, epochs: int, progress: Callable[[str], None]) -> Responder:
    """Softmax regression that starts from each answer's mean context, so that one example per answer already works."""
    counts: dict[str, int] = {}
    for s in drawn:
        counts[s.answer] = counts.get(s.answer, 0) + 1
    kept = sorted(counts, key=lambda a: (-counts[a], a))[:MAX_ANSWERS]
    number = {answer: i for i, answer in enumerate(kept)}
    inside = np.array([s.answer in number for s in drawn])
    x, y = features[inside], np.array([number[s.answer] for s in drawn if s.answer in number], np.int32)
    start = np.zeros((len(kept), x.shape[1]), np.float32)
    np.add.at(start, y, x)
    start *= SCALE / np.bincount(y, minlength=len(kept))[:, None].astype(np.float32)
    weights = _descend(start, x, y, epochs, progress)
    return Responder(answers=tuple(kept), weights=weights, contexts=x, owners=y, calibration=PRIOR)


def _descend(start: Floats, x: Floats, y: NDArray[np.int32], epochs: int, progress: Callable[[str], None]) -> Floats:
    """Adam on cross-entropy in mini-batches, pulled towards the start. An epoch takes as many passes as make MIN_STEPS steps."""
    weights, first, second = start.copy(), np.zeros_like(start), np.zeros_like(start)
    random = np.random.default_rng(len(y))
    passes = max(1, -(-MIN_STEPS * BATCH // max(len(y), BATCH)))
    step = 0
    for epoch in range(epochs):
        loss = 0.0
        for _ in range(passes):
            order = random.permutation(len(y))
            for begin in range(0, len(y), BATCH):
                rows = order[begin : begin + BATCH]
                logits = x[rows] @ weights.T
                logits -= logits.max(axis=1, keepdims=True)
                np.exp(logits, out=logits)
                logits /= logits.sum(axis=1, keepdims=True)
                loss -= float(np.log(logits[np.arange(len(rows)), y[rows]] + 1e-9).sum())
                logits[np.arange(len(rows)), y[rows]] -= 1
                gradient = logits.T @ x[rows] / len(rows) + PULL * (weights - start)
                step += 1
                first += 0.1 * (gradient - first)
                second += 0.001 * (gradient * gradient - second)
                weights -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        progress(f"epoch {epoch + 1}/{epochs}: loss {loss / passes / len(y):.3f}")
    return weights


def _calibrate(head: Responder, held: Sequence[Sample], features: Floats) -> NDArray[np.float64]:
    """Logistic regression of "the answer was right" on similarity and probability (Platt 1999), by Newton's method, near PRIOR."""
    best, similarity, probability = head._best(features)  # noqa: SLF001  # the same module
    right = np.array([head.answers[b] == s.answer for b, s in zip(best.tolist(), held, strict=True)], np.float64)
    x, w = np.stack([similarity, probability, np.ones(len(best))], axis=1), PRIOR.copy()
    for _ in range(50):
        p = _sigmoid(x @ w)
        gradient = x.T @ (p - right) + PRIOR_STRENGTH / 100 * (w - PRIOR)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + PRIOR_STRENGTH / 100 * np.eye(3)
        change = np.linalg.solve(hessian, gradient)
        w = w - change
        if float(np.abs(change).max()) < 1e-6:  # noqa: PLR2004  # converged
            break
    return w


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))
