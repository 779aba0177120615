"""How much the responder learns from few conversations, beside TF-IDF in the same run.

`python -m benchmarks.responder --data DIR [--peer-folder DIR] [--json]`. STAR by time, the last
fifth as the test; training conversations are drawn evenly over the first four fifths. Next action:
the same features and head, with the wizard's action as the answer. The peer is scikit-learn in an
environment of its own (benchmarks/peers/README.md).
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import folder
from kaeshi.providers.minilm import MiniLMEmbedder, MiniLMFeatures
from kaeshi.settings import load
from kaeshi.trainer.engines import responder
from kaeshi.trainer.engines.responder import Sample

COUNTS = (50, 200, 800, 0)
BINS = 10


def acts(conversations: Sequence[list[dict[str, Any]]]) -> list[Sample]:
    """Every labelled reply, its action as the answer."""
    return [
        Sample(context=responder.context(messages[:i]), answer=message["act"], row=number)
        for number, messages in enumerate(conversations)
        for i, message in enumerate(messages)
        if message["role"] == "assistant"
        and message.get("act")
        and responder.context(messages[:i]).customer
    ]


def replies(conversations: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Training rows."""
    return [
        {"messages": [{"role": m["role"], "content": m["content"]} for m in messages]}
        for messages in conversations
    ]


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over equal bins (Guo et al. 2017)."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(
        sum(
            abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
            for b in range(BINS)
            if (bins == b).any()
        )
    )


def has_acts(record: folder.Record) -> bool:
    """Whether it is a conversation in which somebody labelled what the replies do."""
    return folder.is_conversation(record) and any(m.get("act") for m in record["messages"])


def run(log: Path, peer: Path | None) -> Iterator[dict[str, Any]]:
    """A row of figures for each size, as soon as it is there."""
    conversations = [record["messages"] for record in folder.by_time(log)]
    cut = len(conversations) * 4 // 5
    earlier = conversations[:cut]
    later = conversations[cut:]
    embedder = _Once(conversations)
    test = acts(later)
    asked = responder.samples(replies(later))
    test_features = responder.featurize([s.context for s in test], embedder)
    asked_features = responder.featurize([s.context for s in asked], embedder)
    for count in COUNTS:
        part = [earlier[i * cut // count] for i in range(count)] if count else earlier
        drawn = acts(part)
        features = responder.featurize([s.context for s in drawn], embedder)
        began = time.process_time()
        head = responder.fit(drawn, features)
        fitted = time.process_time() - began
        best, _ = head.best(test_features)
        rows = replies(part)
        model = responder.train(rows, [], embedder)
        choices = model.choose(asked_features)
        picked, _ = model.best(asked_features)
        exact = np.array(
            [model.answers[b] == s.answer for b, s in zip(picked.tolist(), asked, strict=True)]
        )
        sure = np.array([choice.confidence for choice in choices])
        yield (
            {
                "conversations": len(part),
                "next_action": float(
                    np.mean(
                        [
                            head.answers[b] == s.answer
                            for b, s in zip(best.tolist(), test, strict=True)
                        ]
                    )
                ),
                "tfidf_next_action": _peer(peer, drawn, test) if peer is not None else None,
                "exact_reply": float(exact.mean()),
                "calibration_error": calibration_error(sure, exact),
                "fit_cpu_s": round(fitted, 2),
            }
        )


class _Once:
    """MiniLM, every text of the log embedded once and before.

    What is measured is what comes after.
    """

    name = MiniLMFeatures.name
    dimensions = MiniLMFeatures.dimensions

    def __init__(self, conversations: Sequence[list[dict[str, Any]]]) -> None:
        contexts = (
            responder.context(messages[:i])
            for messages in conversations
            for i in range(1, len(messages))
        )
        texts = list(
            dict.fromkeys(text for context in contexts for side in context for text in side if text)
        )
        began = time.process_time()
        embedder = MiniLMEmbedder(load().models_dir, threads=1)
        self._vectors = MiniLMFeatures(embedder).embed(texts)
        self._places = {text: i for i, text in enumerate(texts)}
        print(
            f"{len(texts)} texts embedded in {time.process_time() - began:.0f} s CPU",
            file=sys.stderr,
        )

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return self._vectors[[self._places[text] for text in texts]]


def _peer(folder: Path, drawn: Sequence[Sample], test: Sequence[Sample]) -> float:
    """TF-IDF of the same turns and a linear model, in the peer's own environment."""
    told = {
        "train": [_said(s) for s in drawn],
        "labels": [s.answer for s in drawn],
        "test": [_said(s) for s in test],
    }
    command = [
        str(folder / "sklearn" / "bin" / "python"),
        str(Path(__file__).parent / "peers" / "tfidf_peer.py"),
    ]
    done = subprocess.run(
        command, input=json.dumps(told), capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    return float(np.mean([a == s.answer for a, s in zip(said, test, strict=True)]))


def _said(sample: Sample) -> str:
    """The last two turns of each side."""
    return " \n ".join([*sample.context.customer[:2], *sample.context.assistant[:2]])


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder.add_arguments(parser)
    parser.add_argument("--peer-folder", type=Path)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    logs = folder.files(wanted, has_acts, "conversations whose replies are labelled (act)")
    for name, path in logs.items():
        if not wanted.json:
            print(name)
        show(wanted, name, path)


def show(wanted: argparse.Namespace, name: str, path: Path) -> None:
    """Print the rows of one log."""
    for row in run(path, wanted.peer_folder):
        if wanted.json:
            print(json.dumps({"log": name, **row}), flush=True)
            continue
        peer = (
            ""
            if row["tfidf_next_action"] is None
            else f" (TF-IDF + linear {row['tfidf_next_action']:.1%})"
        )
        print(
            f"{row['conversations']:5} conversations: next action {row['next_action']:.1%}{peer}, "
            f"exact reply {row['exact_reply']:.1%}, "
            f"calibration error {row['calibration_error']:.3f}, head fitted in {row['fit_cpu_s']} "
            "s CPU",
            flush=True,
        )


if __name__ == "__main__":
    main()
