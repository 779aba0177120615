"""What changes over the demo's twelve weeks: new questions, a new price, people who lie."""

from dataclasses import replace

from kaeshi.demo.customers import Asked, Crowd, Intent, Rating
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


class SeasonalCrowd(Crowd):
    """Customers whose questions, and the right answers to them, depend on the week."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._every = self.known
        self._trolls = frozenset(self.random.sample(self._people, int(len(self._people) * TROLLS)))
        self.reviewed: list[tuple[str, str]] = []  # questions, and what the reviewer answered
        self.begin(1)

    def begin(self, week: int) -> None:
        """Take up the questions and answers of that week."""
        self.week = week
        later = {name for start, names in NEW.items() if start > week for name in names}
        asked = [intent for intent in self._every if intent.name not in later]
        self.known = tuple(self._now(intent) for intent in asked)
        self._weights = [1 / (self._every.index(intent) % 12 + 4) for intent in asked]

    def _now(self, intent: Intent) -> Intent:
        if self.week < PRICE_WEEK or intent.name not in NEW_ANSWERS:
            return intent
        return replace(intent, answer=NEW_ANSWERS[intent.name])

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
