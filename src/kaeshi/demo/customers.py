"""Simulated customers: how they ask, what they reveal about themselves, and how noisily they rate.

Rates of four and more stars are those of real raters on real answers: 87 % of right ones, 57 % of
wrong ones.
"""

import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from random import Random
from typing import Any, NamedTuple

from kaeshi.nouns import Feedback

STARS_WHEN_RIGHT = 0.87
STARS_WHEN_WRONG = 0.57
RATES = 0.7
BEYOND = 0.03  # of the questions, which the concierge cannot answer
PRAISED = 4  # stars
TOWNS = (
    "Sacramento",
    "Fresno",
    "Oakland",
    "Modesto",
    "Stockton",
    "Napa",
    "Davis",
    "Chico",
    "Reno",
    "Folsom",
    "Roseville",
    "Fairfield",
)
DISHES = ("chicken", "steak", "shrimp", "scallops", "salmon", "tofu")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST = (
    "Anna",
    "Brian",
    "Carlos",
    "Diana",
    "Edward",
    "Fatima",
    "George",
    "Helen",
    "Ivan",
    "Julia",
    "Kevin",
    "Laura",
    "Miguel",
    "Nora",
    "Oscar",
    "Paula",
    "Ruben",
    "Sofia",
    "Thomas",
    "Vanessa",
)
LAST = (
    "Alvarez",
    "Bennett",
    "Castillo",
    "Donovan",
    "Edwards",
    "Fischer",
    "Gonzalez",
    "Harrison",
    "Jimenez",
    "Kowalski",
    "Lawson",
    "Mitchell",
    "Nguyen",
    "Osborne",
    "Patterson",
    "Ramirez",
)
STREETS = (
    "Maple Street",
    "Oak Avenue",
    "Cedar Lane",
    "River Road",
    "Sunset Boulevard",
    "Hill Court",
)
COMMENTS = (
    "Quick and clear, thank you so much!",
    "That is exactly what I wanted to know.",
    "Good service, we are looking forward to it.",
)


@dataclass(frozen=True, kw_only=True)
class Intent:
    """Something customers want to know, and the one right answer."""

    name: str
    topic: str
    faq: str
    answer: str
    asks: tuple[str, ...]
    held: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question on its way to the concierge. `intent` is None when it knows no answer."""

    customer: str
    text: str
    intent: Intent | None
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rating:
    """The customer's rating of the answer."""

    said: dict[str, Any]
    author: str


class Topics(NamedTuple):
    """What customers ask: what is known, and questions beyond it, asked and held out."""

    known: tuple[Intent, ...]
    beyond: tuple[str, ...]
    beyond_held: tuple[str, ...]


def intents() -> Topics:
    """The concierge's intents and what lies beyond them."""
    content = tomllib.loads(
        resources.files("kaeshi").joinpath("data", "concierge.toml").read_text(encoding="utf-8")
    )
    known = tuple(
        Intent(**(raw | {"asks": tuple(raw["asks"]), "held": tuple(raw["held"])}))
        for raw in content["intent"]
    )
    beyond = content["beyond"][0]
    return Topics(known, tuple(beyond["asks"]), tuple(beyond["held"]))


class Crowd:
    """Customers drawn from one seeded stream."""

    def __init__(self, seed: int, size: int = 4000, topics: Topics | None = None) -> None:
        self.random = random.Random(seed)  # noqa: S311  # a simulation, not a secret
        self.known, self.beyond, self.beyond_held = topics or intents()
        self.asked_in: dict[str, Intent] = {}  # by conversation
        self.praised: list[tuple[str, str]] = []  # questions, and answers with four stars or five
        self._people = [f"customer_{i}" for i in range(size)]
        self._weights = [1 / (i + 8) for i in range(len(self.known))]

    def ask(self) -> Asked:
        """A customer with a question, phrased as in the log."""
        r = self.random
        who = r.choice(self._people)
        name = f"{r.choice(FIRST)} {r.choice(LAST)}"
        if r.random() < BEYOND and self.beyond:
            return Asked(customer=who, text=self.fill(r.choice(self.beyond)), intent=None, names=())
        intent = r.choices(self.known, self._weights)[0]
        text, names = self._introduce(self.fill(r.choice(intent.asks)), name)
        return Asked(customer=who, text=text, intent=intent, names=names)

    def held_out(self, each: int) -> list[Asked]:
        """Questions in phrasings that are not in the log.

        `each` per intent, and a few that the concierge cannot answer.
        """
        questions = [
            Asked(customer="", text=self.fill(template), intent=intent, names=())
            for intent in self.known
            for i in range(each)
            for template in (intent.held[i % len(intent.held)],)
        ]
        return questions + [
            Asked(customer="", text=self.fill(t), intent=None, names=()) for t in self.beyond_held
        ]

    def remember(
        self, conversation: str, asked: Asked, answer: str, rating: Sequence[Feedback]
    ) -> None:
        """What was asked in a conversation, and how the answer was liked."""
        if asked.intent is not None:
            self.asked_in[conversation] = asked.intent
        if any((one.rating or 0) >= PRAISED for one in rating):
            self.praised.append((asked.text, answer))

    def rate(self, asked: Asked, *, right: bool) -> Rating | None:
        """A rating as noisy as real ones: stars, mostly a thumb, sometimes a comment.

        Many customers do not rate.
        """
        r = self.random
        if r.random() > RATES:
            return None
        happy = r.random() < (STARS_WHEN_RIGHT if right else STARS_WHEN_WRONG)
        said = _rating_of(happy, r)
        return Rating(said=said, author=asked.customer)

    def books(self, *, right: bool) -> bool:
        """Whether a customer who wanted to book ends up booking."""
        return self.random.random() < (0.7 if right else 0.45)

    def fill(self, template: str) -> str:
        """The template with a dish, a town, a number and a weekday filled in."""
        r = self.random
        return template.format(
            d=r.choice(DISHES), t=r.choice(TOWNS), n=r.randint(6, 45), w=r.choice(DAYS)
        )

    def _introduce(self, question: str, name: str) -> tuple[str, tuple[str, ...]]:
        """How customers introduce themselves, sometimes with far more than they should reveal."""
        r = self.random
        first = name.split(maxsplit=1)[0]
        options: Sequence[tuple[str, tuple[str, ...]]] = (
            (question, ()),
            (f"Hi! {question}", ()),
            (f"Hello, I'm {name}. {question}", (name,)),
            (f"{question}? Thanks, {first}", (first,)),
            (
                (
                    f"Hi, my name is {name}, call me at "
                    f"{r.randint(201, 989)}-{r.randint(201, 989)}-{r.randint(1000, 9999)}. "
                    f"{question}"
                ),
                (name,),
            ),
            (f"{question}. You can mail {first.lower()}.{name.split()[1].lower()}@example.com", ()),
            (f"We are at {r.randint(10, 9999)} {r.choice(STREETS)}. {question}", ()),
            (f"my card is 4111 1111 1111 1111 if you need it. {question}", ()),
        )
        return r.choices(options, (30, 14, 14, 10, 10, 8, 8, 3))[0]


def _rating_of(happy: bool, r: Random) -> dict[str, Any]:
    said: dict[str, Any] = {
        "rating": r.choices((5, 4), (0.75, 0.25))[0]
        if happy
        else r.choices((3, 2, 1), (0.5, 0.3, 0.2))[0],
        "vote": "up" if happy else "down",
    }
    if happy and r.random() < 0.5:
        said["helpful"] = True
    if happy and r.random() < 0.4:
        said["comment"] = r.choice(COMMENTS)
    return said
