"""What changes over the demo's twelve weeks: new questions, a new price, people who lie."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random

from kaeshi.demo.customers import Asked, Crowd, Intent, Rating, Topics
from kaeshi.nouns import ReviewItem

WEEKS = 12
# questions that customers begin to ask in that week
NEW: dict[int, tuple[str, ...]] = {
    3: ("gift_card", "sauce", "leftovers"),
    6: ("corporate", "wedding", "alcohol"),
    9: ("kosher_halal", "chef_count", "last_minute"),
}
PRICE_WEEK = 5
NEW_ANSWERS = {
    "price_adult": (
        "Adults are 60 dollars each, with two proteins, fried rice, vegetables and salad."
    )
}
TROLL_WEEK = 4
TROLLS = 0.1  # of customers, who say the opposite of what they found
NOTICE_WEEK = 4  # in which the provider says that it ends the model in production
END_WEEK = 8  # from which on that model is not served
BROKEN_WEEK = 7  # from which on somebody starts a rollout of a broken model
OUTAGE = (10, 3)  # the week and the day on which the provider does not answer
# weeks whose questions differ from those before: a share may fall by more than by chance
BREAKS = frozenset({*NEW, PRICE_WEEK, END_WEEK, OUTAGE[0]})


@dataclass(frozen=True, kw_only=True)
class Seasons:
    """What is new by week, the answers that change in PRICE_WEEK, and what is asked at all."""

    topics: Topics | None = None
    new: Mapping[int, tuple[str, ...]] = field(default_factory=lambda: NEW)
    changed: Mapping[str, str] = field(default_factory=lambda: NEW_ANSWERS)


class SeasonalCrowd(Crowd):
    """Customers whose questions, and the right answers to them, depend on the week."""

    def __init__(self, seed: int, seasons: Seasons | None = None) -> None:
        self._seasons = seasons or Seasons()
        super().__init__(seed, topics=self._seasons.topics)
        self._seed = seed
        self._every = self.known
        self._trolls = frozenset(self.random.sample(self._people, int(len(self._people) * TROLLS)))
        self.reviewed: list[tuple[str, str]] = []  # questions, and what the reviewer answered
        self.begin(1)

    def begin(self, week: int) -> None:
        """Take up the questions and answers of that week."""
        self.week = week
        later = {
            name for start, names in self._seasons.new.items() if start > week for name in names
        }
        asked = [intent for intent in self._every if intent.name not in later]
        self.known = tuple(self._now(intent) for intent in asked)
        self._weights = [1 / (self._every.index(intent) % 12 + 4) for intent in asked]

    @contextmanager
    def aside(self, purpose: str) -> Iterator[None]:
        """Draw from a stream of its own for a while: what is drawn here changes nothing later."""
        kept = self.random
        self.random = Random(f"{self._seed} {purpose}")  # noqa: S311  # a simulation
        try:
            yield
        finally:
            self.random = kept

    def held_out(self, each: int) -> list[Asked]:
        """As the crowd's, each question in the same words in every week."""
        found: list[Asked] = []
        for intent in self.known:
            with self.aside(f"held out {intent.name}"):
                found += [
                    Asked(customer="", text=self.fill(text), intent=intent, names=())
                    for i in range(each)
                    for text in (intent.held[i % len(intent.held)],)
                ]
        with self.aside("held out beyond"):
            found += [
                Asked(customer="", text=self.fill(text), intent=None, names=())
                for text in self.beyond_held
            ]
        return found

    def _now(self, intent: Intent) -> Intent:
        if self.week < PRICE_WEEK or intent.name not in self._seasons.changed:
            return intent
        return replace(intent, answer=self._seasons.changed[intent.name])

    def answer_to(self, item: ReviewItem) -> str | None:
        """What is right in the item's place now; None where the concierge should hand over."""
        asked = self.asked_in.get(item.conversation or "")
        found = next(
            (i for i in self.known if (asked and i.name == asked.name) or i.faq == item.title), None
        )
        return None if found is None else found.answer

    def rate(self, asked: Asked, *, right: bool) -> Rating | None:
        """A rating as noisy as real ones; of a troll, the opposite."""
        lies = self.week >= TROLL_WEEK and asked.customer in self._trolls
        return super().rate(asked, right=right != lies)
