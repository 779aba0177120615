"""Claims about steps/answering.py."""

import json
from datetime import datetime, timedelta

from kaeshi.loop import Loop
from kaeshi.nouns import Keep, Signals
from kaeshi.steps import answering
from kaeshi.store.examples import Judged
from samples import record


def judged(number: int, question: str, *, account: str, at: datetime) -> Judged:
    messages = record("c", question, "We drive 50 miles.")["messages"]
    return Judged(
        id=f"ex_{number}",
        conversation=f"c{number:04}",
        verdict=Keep(upto=1),
        signals=Signals(),
        facts={},
        consent="granted",
        intent="",
        body=json.dumps(messages),
        pii={},
        scrubber="s",
        started_at=at + timedelta(minutes=number),
        account=account,
    )


async def stored(loop: Loop, rows: list[Judged]) -> None:
    async with loop.store.write() as tx:
        await tx.examples.put(loop.assistant, rows, loop.clock.now())


async def test_one_account_teaches_forty_questions_at_most_and_the_latest(loop: Loop) -> None:
    now = loop.clock.now()
    flood = [judged(i, f"flood {i}", account="troll", at=now) for i in range(60)]
    others = [judged(100 + i, f"mine {i}", account=f"a{i}", at=now) for i in range(3)]
    await stored(loop, [*flood, *others])
    asked = await answering.asked_since(loop)
    of_troll = [q for q in asked.questions if q.startswith("flood")]
    assert (len(of_troll), len(asked.questions)) == (answering.MOST_OF_ONE, 43)
    assert "flood 59" in of_troll
    assert "flood 0" not in of_troll


async def test_a_question_counts_once_with_its_latest_answer(loop: Loop) -> None:
    now = loop.clock.now()
    await stored(loop, [judged(i, "how far?", account="", at=now) for i in range(5)])
    assert (await answering.asked_since(loop)).questions == ["how far?"]
