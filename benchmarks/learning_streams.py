"""Learning's benchmark: streams of feedback that lie, and what is promoted of them.

`python -m benchmarks.learning_streams --data DIR [--only NAME...] [--streams 200] [--seeds 4]
[--json]`.

Never worse: random streams over random answers of a source, with up to two in five customers lying.
After each week a build is made of all that was asked, and takes the place of the present one unless
it answers more of forty test cases wrong (steps/refresh_check.py); the truth is the other held-out
questions.

Repair: customers lie in the first third of a stream, and then no more.

Once through (StreamBench, Wu et al. 2024): every question is answered once, in order, and what is
kept of it is what its customer's stars say; with recorded raters, with raters who are never wrong,
and by keeping what got four stars.
"""

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import folder
from benchmarks.learning import KNOWN, Base, bases
from kaeshi.providers.minilm import MiniLMEmbedder
from kaeshi.rules import quality, retrieval
from kaeshi.settings import load

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
ANSWERS = 10  # of a stream's source
ASKED = 200
WEEKS = 5
CASES = 40
POINT = 0.01
STREAM = 1_500  # questions of a longer stream
STEPS = 20  # updates of it
LIARS = (0.0, 0.1, 0.2, 0.3, 0.4)


class World:
    """A part of a source: what is known, what is asked, and what is held out."""

    def __init__(self, base: Base, rng: np.random.Generator, answers: Ints, most: int) -> None:
        self.base = base
        self.rng = rng
        self.answers = answers
        self.number = {int(a): i for i, a in enumerate(answers)}
        places = np.flatnonzero(np.isin(base.answers, answers))
        known = [rng.permutation(places[base.answers[places] == a])[:KNOWN] for a in answers]
        self.known = np.concatenate(known)
        self.asked = rng.permutation(np.setdiff1d(places, self.known))[:most]
        self.held = rng.permutation(np.flatnonzero(np.isin(base.held_answers, answers)))
        self.taught = retrieval.Taught(
            texts=[*(base.questions[i] for i in self.known), *(base.titles[a] for a in answers)],
            vectors=np.vstack([base.vectors[self.known], base.title_vectors[answers]]),
            answers=np.concatenate(
                [self._numbers(base.answers[self.known]), np.arange(len(answers))]
            ),
            titles=np.repeat([False, True], [len(self.known), len(answers)]),
        )
        self.first = retrieval.fit(self.taught)

    def _numbers(self, answers: Ints) -> Ints:
        return np.array([self.number[int(a)] for a in answers], np.int64)

    def truth(self, asked: Ints) -> Ints:
        """The right answers of questions that may be learned."""
        return self._numbers(self.base.answers[asked])

    def given(self, answerer: retrieval.Answerer, asked: Ints) -> Ints:
        """What an answerer says to these questions."""
        texts = [self.base.questions[i] for i in asked]
        return answerer.shares(texts, self.base.vectors[asked]).argmax(axis=1)

    def right(self, answerer: retrieval.Answerer, held: Ints) -> NDArray[np.bool_]:
        """Which held-out questions it answers right."""
        texts = [self.base.held[i] for i in held]
        said = answerer.shares(texts, self.base.held_vectors[held]).argmax(axis=1)
        return np.asarray(said == self._numbers(self.base.held_answers[held]))

    def stars(self, right: NDArray[np.bool_], liars: float, *, clean: bool = False) -> Ints:
        """What customers say of right and wrong answers."""
        if clean:
            return np.where(right, 5, 1).astype(np.int64)
        lies = self.rng.random(len(right)) < liars
        tables = [np.array(t) for t in (quality.STARS_IF_WRONG, quality.STARS_IF_RIGHT)]
        drawn = [self.rng.choice(5, p=tables[int(r)] / tables[int(r)].sum()) + 1 for r in right]
        return np.where(lies, np.where(right, 1, 5), drawn).astype(np.int64)

    def learned(self, asked: Ints, given: Ints, stars: Ints) -> retrieval.Answerer:
        """A build of what is known, and of what customers asked and said."""
        texts = [self.base.questions[i] for i in asked]
        shares = self.first.shares(texts, self.base.vectors[asked])
        before = shares[np.arange(len(given)), given].astype(float)
        found = np.array(quality.odds_here(stars.tolist(), before), np.float32)
        return retrieval.fit(
            self.taught,
            retrieval.Asked(
                texts=texts, vectors=self.base.vectors[asked], given=given, odds=found[stars - 1]
            ),
        )


class Stream:
    """What was asked so far, what was answered, and what was said of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked = self.given = self.stars = np.zeros(0, np.int64)
        self.right = 0

    def take(
        self, answerer: retrieval.Answerer, part: Ints, liars: float, *, clean: bool = False
    ) -> None:
        """Answer these questions, and hear what their customers say."""
        given = self.world.given(answerer, part)
        right = given == self.world.truth(part)
        self.right += int(right.sum())
        said = self.world.stars(right, liars, clean=clean)
        self.asked = np.concatenate([self.asked, part])
        self.given = np.concatenate([self.given, given])
        self.stars = np.concatenate([self.stars, said])

    def build(self) -> retrieval.Answerer:
        """A build of all of it."""
        return self.world.learned(self.asked, self.given, self.stars)


def never_worse(base: Base, seed: int) -> dict[str, float]:
    """One random stream: the change in points, with and without the check."""
    rng = np.random.default_rng([seed, 11])
    count = min(ANSWERS, len(base.titles))
    world = World(base, rng, rng.choice(len(base.titles), count, replace=False), ASKED)
    liars = float(rng.choice(LIARS))
    cases, held = world.held[:CASES], world.held[CASES:]
    present = unchecked = world.first
    stream = Stream(world)
    promoted = 0
    for part in np.array_split(world.asked, WEEKS):
        stream.take(present, part, liars)
        unchecked = stream.build()
        was, is_now = world.right(present, cases), world.right(unchecked, cases)
        if (was & ~is_now).sum() <= (is_now & ~was).sum():
            present = unchecked
            promoted += 1
    before = world.right(world.first, held).mean()
    return {
        "liars": liars,
        "promoted": promoted,
        "change": float(world.right(present, held).mean() - before),
        "unchecked": float(world.right(unchecked, held).mean() - before),
    }


def repaired(base: Base, seed: int, liars: float) -> dict[str, float]:
    """Points lost after a third of lies, and left after another tenth, beside a clean stream."""
    accuracies: dict[str, list[float]] = {}
    for name, share in (("clean", 0.0), ("lied to", liars)):
        rng = np.random.default_rng([seed, 12])
        world = World(base, rng, np.arange(len(base.titles)), STREAM)
        stream = Stream(world)
        answerer = world.first
        found = []
        for step, part in enumerate(np.array_split(world.asked, STEPS)[: STEPS // 3 + STEPS // 10]):
            stream.take(answerer, part, share if step < STEPS // 3 else 0.0)
            answerer = stream.build()
            found.append(float(world.right(answerer, world.held).mean()))
        accuracies[name] = found
    third = STEPS // 3 - 1
    lost = accuracies["clean"][third] - accuracies["lied to"][third]
    left = accuracies["clean"][-1] - accuracies["lied to"][-1]
    return {"lost": 100 * lost, "left": 100 * left}


def once_through(base: Base, seed: int) -> dict[str, float]:
    """The share of a stream's questions that were answered right, by way."""
    found = {}
    for name, clean in (("recorded raters", False), ("raters who are never wrong", True)):
        rng = np.random.default_rng([seed, 13])
        world = World(base, rng, np.arange(len(base.titles)), STREAM)
        stream = Stream(world)
        answerer = world.first
        for part in np.array_split(world.asked, STEPS):
            stream.take(answerer, part, 0.0, clean=clean)
            answerer = stream.build()
        found[name] = 100 * stream.right / len(world.asked)
    found["keep what got four stars"] = _kept(base, seed)
    return found


def _kept(base: Base, seed: int) -> float:
    """The nearest known question answers, and what got four stars is known from then on."""
    rng = np.random.default_rng([seed, 13])
    world = World(base, rng, np.arange(len(base.titles)), STREAM)
    vectors, answers = world.taught.vectors, world.taught.answers
    right = 0
    for part in np.array_split(world.asked, STEPS):
        asked = base.vectors[part]
        given = answers[(asked @ vectors.T).argmax(axis=1)]
        is_right = given == world.truth(part)
        right += int(is_right.sum())
        liked = world.stars(is_right, 0.0) >= quality.UP
        vectors = np.vstack([vectors, asked[liked]])
        answers = np.concatenate([answers, given[liked]])
    return 100 * right / len(world.asked)


def rows(wanted: argparse.Namespace, embedder: MiniLMEmbedder) -> list[dict[str, Any]]:
    """A row for each source and question."""
    made: list[dict[str, Any]] = []
    for base in bases(wanted, embedder):
        streams = [never_worse(base, seed) for seed in range(wanted.streams)]
        changes = np.array([s["change"] for s in streams])
        unchecked = np.array([s["unchecked"] for s in streams])
        made.append(
            {
                "source": base.name,
                "way": "never worse",
                "streams": len(streams),
                "worse_by_a_point": float((changes < -POINT).mean()),
                "without_the_check": float((unchecked < -POINT).mean()),
                "mean_change": 100 * float(changes.mean()),
            }
        )
        for liars in (0.2, 0.4):
            each = [repaired(base, seed, liars) for seed in range(wanted.seeds)]
            made.append(
                {"source": base.name, "way": f"repair after {liars:.0%} lies", **_means(each)}
            )
        each = [once_through(base, seed) for seed in range(wanted.seeds)]
        made.append({"source": base.name, "way": "once through", **_means(each)})
    return made


def _means(each: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def main() -> None:
    """Print the figures, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder.add_arguments(parser)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = rows(wanted, MiniLMEmbedder(load().models_dir))
    if wanted.json:
        print(json.dumps(found, indent=1))
        return
    for row in found:
        figures = {k: v for k, v in row.items() if k not in {"source", "way"}}
        said = ", ".join(f"{k.replace('_', ' ')} {v:.4g}" for k, v in figures.items())
        print(f"{row['source']:16} {row['way']:24} {said}")


if __name__ == "__main__":
    main()
