"""What goes wrong in the demo's twelve weeks: a model that ends, a broken one, a day of none."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kaeshi.demo.seasons import BROKEN_WEEK, END_WEEK, NOTICE_WEEK, OUTAGE
from kaeshi.errors import Conflict
from kaeshi.loop import Loop
from kaeshi.nouns import Rollout
from kaeshi.providers.fake_reader import FakeReader
from kaeshi.steps import asking, rollout, variants

MODEL = "reader"
SUCCESSOR = "reader-2"
BROKEN = "reader-broken"
INTERN = "an intern"


@dataclass
class Troubles:
    """The provider's and the intern's doings, day by day.

    `retirements`: the loop's table, to which the provider adds; `promised`: the questions of the
    test cases, which the broken model answers rightly, so that only customers can tell.
    """

    reader: FakeReader
    retirements: dict[str, Any]
    promised: frozenset[str]
    began: datetime
    broken: str = ""
    served: str = MODEL
    said: list[str] = field(default_factory=list)

    async def begin(self, loop: Loop, week: int, day: int) -> None:
        """What happens that morning."""
        self.reader.down = (week, day) == OUTAGE
        if (week, day) == (NOTICE_WEEK, 1):
            self._announce()
        if (week, day) == (END_WEEK, 1):
            self.reader.ended.add(MODEL)
        if week >= BROKEN_WEEK and not self.broken:
            await self._break(loop)

    def _announce(self) -> None:
        over = (self.began + timedelta(weeks=END_WEEK - 1)).date()
        entry = {"shutdown": over.isoformat(), "successors": [SUCCESSOR]}
        self.retirements["models"] = {**self.retirements["models"], MODEL: entry}
        self.said.append(f"{MODEL} ends in week {END_WEEK}")

    async def _break(self, loop: Loop) -> None:
        """Start a rollout of a model that answers wrongly, as soon as no other is under way."""
        self.reader.broken[BROKEN] = self.promised
        base = await variants.base_of(loop, None)
        serving = base.serving.model_copy(update={"model": BROKEN, "placeholders": False})
        await rollout.register(loop, BROKEN, kind="base_model", serving=serving)
        try:
            begun = await rollout.begin(loop, BROKEN, percent=10, hours=24, by=INTERN)
        except Conflict:
            return
        self.broken = begun.id
        self.said.append("a broken model is rolled out")

    async def events(self, loop: Loop) -> list[str]:
        """What happened since they were asked for last."""
        found = self.said
        self.said = []
        if self.broken and self.broken != "over":
            async with loop.store.read() as tx:
                now: Rollout = await tx.rollouts.get(loop.assistant, self.broken)
            if now.state in {"rolled_back", "full"}:
                found.append(f"the broken model {now.state.replace('_', ' ')}")
                self.broken = "over"
        served = asking.served_name(await variants.base_of(loop, None))
        if served != self.served:
            found.append(f"{served} answers in place of {self.served}")
            self.served = served
        return found
