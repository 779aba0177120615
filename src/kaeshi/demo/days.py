"""The demo's days: customers ask, are answered, rate, and their conversations close."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaeshi.demo.customers import PRAISED, Asked, Crowd
from kaeshi.demo.reception import Reception, Response
from kaeshi.errors import ProviderError
from kaeshi.loop import Loop
from kaeshi.nouns import (
    Conversation,
    Feedback,
    Outcome,
    Turn,
)
from kaeshi.providers.fake import FakeClock
from kaeshi.steps import (
    conversation,
    feedback,
)

Progress = Callable[[str, float], None]
A_DAY = 120


TROLLS = 5


TOGETHER = 10  # customers who ask at the same time


@dataclass
class Tally:
    """How customers fared over one period of the demo."""

    asked: int = 0
    right: int = 0
    handed_over: int = 0
    failed: int = 0  # no answer: the provider did not answer
    rated: int = 0
    satisfied: int = 0  # of those who rated, with four stars or five
    tried_to_book: int = 0
    booked: int = 0

    def add(self, opinions: Sequence[Feedback], record: Conversation) -> None:
        """Count what a customer thought, and what came of it."""
        stars = [one.rating for one in opinions if one.rating is not None]
        self.rated += bool(stars)
        self.satisfied += any(given >= PRAISED for given in stars)
        came = {outcome.name: outcome.value for outcome in record.outcomes}
        self.tried_to_book += came.get("booking_attempted") is True
        self.booked += came.get("booked") is True


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What every part of the demo needs."""

    loop: Loop
    clock: FakeClock
    crowd: Crowd
    sabotage: str | None
    progress: Progress


async def live_day(stage: Stage, count: int, tally: Tally, together: int = TOGETHER) -> None:
    """One day's customers, a group at a time: asked, answered, rated, closed overnight."""
    began = stage.clock.now()
    async with Reception(stage.loop) as reception:
        for start in range(0, count, together):
            group = [stage.crowd.ask() for _ in range(min(together, count - start))]
            await live_group(stage, reception, group, tally)
            stage.clock.advance(minutes=2 * len(group))
    stage.clock.advance(days=1, minutes=(began - stage.clock.now()).total_seconds() / 60)
    await conversation.close_idle(stage.loop)


async def live_group(
    stage: Stage, reception: Reception, group: Sequence[Asked], tally: Tally
) -> None:
    """Customers who ask at the same time, their answers, outcomes and ratings."""
    answered = await asyncio.gather(*(_answer(reception, asked) for asked in group))
    await reception.settle()
    tally.asked += len(group)
    tally.failed += answered.count(None)  # they call, and a person answers
    came = [
        _came_of(stage, question, said, tally)
        for question, said in zip(group, answered, strict=True)
        if said is not None
    ]
    await conversation.log(stage.loop, [record for record, _ in came])
    opinions = [one for _, rating in came for one in rating]
    if opinions:
        await feedback.record(stage.loop, opinions)


def _came_of(
    stage: Stage, question: Asked, said: Response, tally: Tally
) -> tuple[Conversation, list[Feedback]]:
    """What came of an answer, and what the customer said of it."""
    right = is_right(question, said)
    tally.right += right
    tally.handed_over += said.hand_over
    record = aftermath(stage, question, said, right=right)
    helped = right or (said.hand_over and question.intent is not None)
    rating = opinions_of(stage, question, rated(said, record), right=helped)
    stage.crowd.remember(said.conversation, question, _given(said, record), rating)
    tally.add(rating, record)
    return record, rating


async def _answer(reception: Reception, asked: Asked) -> Response | None:
    """The answer; None where the provider does not answer."""
    try:
        return await reception.ask(asked.customer, asked.text)
    except ProviderError:
        return None


def _given(said: Response, record: Conversation) -> str:
    """The answer that the customer went home with."""
    return said.text if len(record.turns) == 1 else str(record.turns[-1].message["content"])


def is_right(question: Asked, said: Response) -> bool:
    """Whether it gave the one right answer."""
    known = question.intent
    return not said.hand_over and known is not None and said.text == known.answer


def aftermath(stage: Stage, question: Asked, said: Response, *, right: bool) -> Conversation:
    """Log what follows the answer: a colleague's reply to a hand-over, and the outcomes."""
    now = stage.clock.now()
    turns = turns_after(said, question, now)
    outcomes = outcomes_after(said, question, stage, right, now)
    return Conversation(
        id=said.conversation,
        assistant=stage.loop.assistant,
        customer=question.customer,
        started_at=now,
        turns=tuple(turns),
        outcomes=tuple(outcomes),
    )


def turns_after(said: Response, question: Asked, now: datetime) -> list[Turn]:
    """The conversation as it is logged: question, answer, a colleague's reply."""
    first = Turn(
        id=f"{said.conversation}#0", message={"role": "user", "content": question.text}, at=now
    )
    turns = [first]
    if said.hand_over and question.intent is not None:
        reply = {"role": "assistant", "content": question.intent.answer, "name": "colleague"}
        turns.append(Turn(id=f"{said.conversation}#colleague", message=reply, at=now))
    return turns


def outcomes_after(
    said: Response, question: Asked, stage: Stage, right: bool, now: datetime
) -> list[Outcome]:
    """What came of the conversation."""
    facts: dict[str, bool] = {"escalated": said.hand_over}
    if question.intent is not None and question.intent.topic == "booking":
        booked = stage.crowd.books(right=right or said.hand_over)
        facts |= {"booking_attempted": True, "booked": booked}
    return [Outcome(name=k, value=v, at=now, source="demo") for k, v in facts.items()]


def rated(said: Response, record: Conversation) -> str:
    """The message that the customer rates: the last answer of the conversation."""
    return said.message if len(record.turns) == 1 else record.turns[-1].id


def opinions_of(stage: Stage, question: Asked, target: str, *, right: bool) -> list[Feedback]:
    """The customer's ratings, reversed by a troll."""
    now = stage.clock.now()
    rating = stage.crowd.rate(question, right=right)
    if stage.sabotage == "feedback":
        return [
            Feedback(message_id=target, author=f"troll_{n}", at=now, **lie(right=right))
            for n in range(TROLLS)
        ]
    if rating is None:
        return []
    return [Feedback(message_id=target, author=rating.author, at=now, **rating.said)]


def lie(*, right: bool) -> dict[str, Any]:
    """A troll's rating: the opposite of the truth."""
    if right:
        return {"vote": "down", "rating": 1}
    return {"vote": "up", "rating": 5, "helpful": True, "accurate": True}
