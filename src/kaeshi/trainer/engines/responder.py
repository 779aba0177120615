"""The responder: picks the known answer that fits the conversation, or hands over.

A real, modest model. It cannot write: MiniLM embeddings of the conversation go through a trained
linear head over the answers of the training file, and a calibrated confidence decides when to hand
over. It trains on a CPU in seconds.
"""

import hashlib
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kaeshi.errors import InvalidInput
from kaeshi.files import write_whole
from kaeshi.nouns import HAND_OVER, PLACEHOLDER, Json, text_of
from kaeshi.ports import Embedder, Vectors
from kaeshi.trainer import manifests

HAND_OVER_BELOW = 0.5
MAX_ANSWERS = 1_000
EARLIER = 12  # how many messages of each side are features
# the customer's last message, the assistant's, the pair before, the means of all of the customer's
# and of the assistant's
WEIGHTS = (
    1.0,
    1.0,
    0.5,
    0.5,
    1.0,
    1.0,
)
# of the fit: ridge penalty, and steps (few steps regularise too)
PENALTY = 0.1
STEPS = 10
# confidence = sigmoid(weights . (similarity, log(1 + margin), 1)): prior weights, before any
# held-out row
CALIBRATION = np.array([5.0, 3.5, -3.5])
CALIBRATION_STRENGTH = 1.0
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
Floats = NDArray[np.float32]


class Context(NamedTuple):
    """A conversation so far.

    The customer's messages and the assistant's, each from the last one back.
    """

    customer: tuple[str, ...]
    assistant: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A conversation so far, and the answer that followed.

    `row` is its training row.
    """

    context: Context
    answer: str
    row: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The picked answer, its calibrated confidence, and whether to hand over instead."""

    text: str
    confidence: float
    hand_over: bool


@dataclass(frozen=True, kw_only=True)
class Responder:
    """A trained head.

    `contexts` and `owners`: every training context, scaled to length one, with the number of its
    answer, in order.
    """

    answers: tuple[str, ...]
    weights: Floats
    bias: Floats
    contexts: Floats
    owners: NDArray[np.int32]
    calibration: NDArray[np.float64]

    def choose(self, features: Floats) -> list[Choice]:
        """One choice per row of features, as made by `featurize`."""
        best, cues = self.best(features)
        sure = _sigmoid(cues @ self.calibration)
        return [
            Choice(
                text=self.answers[b] if s >= HAND_OVER_BELOW else HAND_OVER,
                confidence=round(float(s), 4),
                hand_over=bool(s < HAND_OVER_BELOW),
            )
            for b, s in zip(best.tolist(), sure.tolist(), strict=True)
        ]

    def best(self, features: Floats) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Per row the best answer, and the features of its confidence.

        Cosine to its nearest training context, log margin, 1.
        """
        scores = features @ self.weights.T + self.bias
        best = scores.argmax(axis=1)
        top = scores[np.arange(len(best)), best].copy()
        scores[np.arange(len(best)), best] = -np.inf
        margin = (
            top - scores.max(axis=1) if scores.shape[1] > 1 else np.zeros(len(best), np.float32)
        )
        unit = _unit(features)
        first = np.searchsorted(self.owners, best, "left")
        last = np.searchsorted(self.owners, best, "right")
        similarity = self._similarities(first, last, unit)
        return best, np.stack(
            [np.array(similarity), np.log1p(margin.astype(np.float64)), np.ones(len(best))], axis=1
        )

    def _similarities(self, first: Any, last: Any, unit: NDArray[np.float32]) -> list[float]:
        return [
            float((self.contexts[a:b] @ unit[i]).max())
            for i, (a, b) in enumerate(zip(first, last, strict=True))
        ]


def samples(rows: Sequence[Json]) -> list[Sample]:
    """The training rows' assistant messages that may be said.

    Not empty, not a hand-over, not weighted 0, without placeholders.
    """
    found = []
    for number, row in enumerate(rows):
        messages = row["messages"]
        for i, message in enumerate(messages):
            text = text_of(message).strip()
            if (
                message["role"] == "assistant"
                and text not in {"", HAND_OVER}
                and message.get("weight", 1) != 0
                and not PLACEHOLDER.search(text)
            ):
                before = context(messages[:i])
                if before.customer and before.customer[0]:
                    found.append(Sample(context=before, answer=text, row=number))
    return found


def context(messages: Sequence[Json]) -> Context:
    """The conversation before an answer."""
    spoken = {
        role: [
            text
            for m in messages
            if m["role"] == role and (text := text_of(m).strip()) not in {"", HAND_OVER}
        ][: -EARLIER - 1 : -1]
        for role in ("user", "assistant")
    }
    return Context(tuple(map(_to_the_point, spoken["user"])), tuple(spoken["assistant"]))


def _to_the_point(text: str) -> str:
    """The text without sentences that only introduce the customer, where others remain.

    Such sentences hold placeholders.
    """
    telling = [sentence for sentence in _SENTENCE.split(text) if not PLACEHOLDER.search(sentence)]
    return " ".join(telling) if telling else PLACEHOLDER.sub("", text).strip() or text


def featurize(contexts: Sequence[Context], embedder: Embedder) -> Floats:
    """Contexts as rows of len(WEIGHTS) x dimensions.

    Equal texts are embedded once, absent ones are zero.
    """
    places, vectors = _embedded_texts(contexts, embedder)
    features = np.zeros((len(contexts), len(WEIGHTS), embedder.dimensions), np.float32)
    for row, found in zip(features, contexts, strict=True):
        for side, said in enumerate(found):
            own = vectors[[places[text] for text in said if text]]
            row[[side, side + 2][: len(own)]] = own[:2]
            if len(own):
                row[side + 4] = own.mean(axis=0)
    features *= np.array(WEIGHTS, np.float32)[:, None]
    return features.reshape(len(contexts), -1)


def _embedded_texts(
    contexts: Sequence[Context], embedder: Embedder
) -> tuple[dict[str, int], Vectors]:
    texts = list(
        dict.fromkeys(text for found in contexts for side in found for text in side if text)
    )
    places = {text: i for i, text in enumerate(texts)}
    vectors: Vectors = embedder.embed(texts)
    return places, vectors


def train(
    rows: Sequence[Json],
    validation: Sequence[Json],
    embedder: Embedder,
    progress: Callable[[str], None] = lambda _: None,
) -> Responder:
    """Fit the head, then calibrate its confidence on the validation rows.

    On a tenth of the contexts if there are none. Raises InvalidInput when no row holds an answer
    that may be said.
    """
    drawn = samples(rows)
    if not drawn:
        msg = (
            f"{len(rows)} rows hold no answer to learn: assistant messages are missing, empty, "
            "or contain placeholders"
        )
        raise InvalidInput(msg)
    progress(f"embedding {len(drawn)} contexts")
    features = featurize([s.context for s in drawn], embedder)
    progress("fitting the head")
    head, calibration = _calibrated(validation, drawn, features, embedder)
    progress("calibrated")
    return Responder(
        answers=head.answers,
        weights=head.weights,
        bias=head.bias,
        contexts=head.contexts,
        owners=head.owners,
        calibration=calibration,
    )


def _calibrated(
    validation: Sequence[Json],
    drawn: list[Sample],
    features: NDArray[np.float32],
    embedder: Embedder,
) -> tuple[Responder, NDArray[np.float64]]:
    if validation:
        held = samples(validation)
        head = fit(drawn, features)
        calibration = _calibrate(head, held, featurize([s.context for s in held], embedder))
    else:
        side = _held_out(drawn)
        calibration = CALIBRATION
        head = fit(drawn, features)
        if 0 < side.sum() < len(drawn):
            part = fit([s for s, out in zip(drawn, side, strict=True) if not out], features[~side])
            calibration = _calibrate(
                part, [s for s, out in zip(drawn, side, strict=True) if out], features[side]
            )
    return head, calibration


def save(model: Responder, folder: Path, details: Json) -> Json:
    """Write the model's files and, last, its manifest, which is read first; returns it."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        weights=model.weights,
        bias=model.bias,
        contexts=model.contexts.astype(np.float16),
        owners=model.owners,
        calibration=model.calibration,
        parts=np.array(WEIGHTS),
    )
    files = {
        "head.npz": write_whole(folder / "head.npz", buffer.getvalue()),
        "answers.json": write_whole(
            folder / "answers.json", json.dumps(model.answers, ensure_ascii=False).encode()
        ),
    }
    return manifests.write(folder, {"engine": "responder", **details, "files": files})


def load(folder: Path, embedder: str) -> Responder:
    """Load a model, after comparing its files' sha256 with the manifest's.

    Raises InvalidInput for a changed file, or another version's or embedder's.
    """
    manifest = manifests.checked(folder)
    with np.load(folder / "head.npz", allow_pickle=False) as arrays:
        if tuple(arrays.get("parts", ())) != WEIGHTS or manifest.get("embedder") != embedder:
            msg = (
                f"model in {folder.name!r} was trained by another version of the responder; "
                "train it again"
            )
            raise InvalidInput(msg)
        return Responder(
            answers=tuple(json.loads((folder / "answers.json").read_bytes())),
            weights=arrays["weights"],
            bias=arrays["bias"],
            contexts=arrays["contexts"].astype(np.float32),
            owners=arrays["owners"],
            calibration=arrays["calibration"],
        )


def _held_out(drawn: Sequence[Sample]) -> NDArray[np.bool_]:
    """A tenth of the contexts.

    None of a file where most answers occur once, such as a FAQ: holding one out would only unlearn
    it.
    """
    counts = Counter(s.answer for s in drawn)
    if sum(counts[s.answer] == 1 for s in drawn) * 2 > len(drawn):
        return np.zeros(len(drawn), np.bool_)
    return np.array([_hash(s.context) % 10 == 0 for s in drawn])


def fit(drawn: Sequence[Sample], features: Floats) -> Responder:
    """Multinomial logistic regression with a ridge penalty over the most frequent answers.

    The softmax's Hessian is at most half the Gram matrix for every answer (Böhning 1992), so one
    inverse serves all steps; steps are accelerated (Nesterov 1983). Few steps are enough, and learn
    less noise.
    """
    counts = Counter(s.answer for s in drawn)
    kept = sorted(counts, key=lambda answer: (-counts[answer], answer))[:MAX_ANSWERS]
    number = {answer: i for i, answer in enumerate(kept)}
    inside = np.array([s.answer in number for s in drawn])
    x = features[inside]
    y = np.array([number[s.answer] for s in drawn if s.answer in number], np.int32)
    by_owner = np.argsort(y, kind="stable")
    weights = _softmax(np.hstack([x, np.ones((len(x), 1), np.float32)]), y, len(kept))
    return Responder(
        answers=tuple(kept),
        weights=weights[:-1].T.copy(),
        bias=weights[-1],
        contexts=_unit(x[by_owner]),
        owners=y[by_owner],
        calibration=CALIBRATION,
    )


def _softmax(x: Floats, y: NDArray[np.int32], answers: int) -> Floats:
    """Weights, shape (features, answers), for rows `x` with answers `y`."""
    solve = _inverse(x)
    weights = before = np.zeros((x.shape[1], answers), np.float32)
    pace = 1.0
    rows = np.arange(len(y))
    for _ in range(STEPS):
        last = pace
        pace = (1 + math.sqrt(1 + 4 * pace * pace)) / 2
        ahead = weights + (last - 1) / pace * (weights - before)
        wrong = x @ ahead
        wrong -= wrong.max(axis=1, keepdims=True)
        np.exp(wrong, out=wrong)
        wrong /= wrong.sum(axis=1, keepdims=True)
        wrong[rows, y] -= 1
        before = weights
        weights = np.asarray(
            ahead - solve(np.asarray(x.T @ wrong + PENALTY * ahead, np.float32)), np.float32
        )
    return weights


def _inverse(x: Floats) -> Callable[[Floats], Floats]:
    """The inverse of x'x / 2 + PENALTY; for few rows through xx' (Woodbury), which is smaller."""
    rows, features = x.shape
    if features <= rows:
        whole = np.linalg.inv((x.T @ x / 2).astype(np.float64) + PENALTY * np.eye(features)).astype(
            np.float32
        )
        return lambda g: np.asarray(whole @ g, np.float32)
    small = np.linalg.inv((x @ x.T).astype(np.float64) + 2 * PENALTY * np.eye(rows)).astype(
        np.float32
    )
    return lambda g: np.asarray((g - x.T @ (small @ (x @ g))) / PENALTY, np.float32)


def _calibrate(head: Responder, held: Sequence[Sample], features: Floats) -> NDArray[np.float64]:
    """Logistic regression of "the answer was right" (Platt 1999) by Newton's method.

    `held`: held-out samples. Returns the three weights of the confidence; with little data they
    stay near CALIBRATION.
    """
    if not held:
        return CALIBRATION
    best, cues = head.best(features)
    right = np.array(
        [head.answers[b] == s.answer for b, s in zip(best.tolist(), held, strict=True)], np.float64
    )

    def loss(w: NDArray[np.float64]) -> float:
        z = cues @ w
        return float(
            (np.logaddexp(0, z) - right * z).sum()
            + CALIBRATION_STRENGTH / 2 * np.square(w - CALIBRATION).sum()
        )

    w = CALIBRATION.copy()
    for _ in range(100):
        change = _newton_step(cues, w, right)
        while loss(w - change) > loss(w) and _is_large(change):  # a full step overshoots
            change = change / 2
        w = w - change
        if not _is_large(change):
            break
    return w


def _is_large(change: NDArray[np.float64]) -> bool:
    return float(np.abs(change).max()) > 1e-6


def _newton_step(
    cues: NDArray[np.float64], w: NDArray[Any], right: NDArray[np.float64]
) -> NDArray[Any]:
    p = _sigmoid(cues @ w)
    gradient = cues.T @ (p - right) + CALIBRATION_STRENGTH * (w - CALIBRATION)
    hessian = (cues * (p * (1 - p))[:, None]).T @ cues + CALIBRATION_STRENGTH * np.eye(3)
    return np.linalg.solve(hessian, gradient)


def _hash(found: Context) -> int:
    return int.from_bytes(
        hashlib.sha256(
            "\0".join([*found.customer[:2], *found.assistant[:2]]).encode("utf-8", "replace")
        ).digest()[:4]
    )


def _unit(x: Floats) -> Floats:
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(x / np.maximum(norms, 1e-9), np.float32)


def _sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))
