"""What the loop is compared with: other ways of learning from the same weeks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kaeshi.demo.customers import PRAISED, Asked
from kaeshi.demo.days import Stage
from kaeshi.demo.play import score
from kaeshi.demo.seasons import SeasonalCrowd
from kaeshi.errors import ProviderError, TooFew
from kaeshi.files import write_whole
from kaeshi.loop import Loop
from kaeshi.nouns import Answer, Serving
from kaeshi.rules.dataset import line
from kaeshi.steps import asking, examples, rollout
from kaeshi.steps.shelf import Shelf

SHOWN = 8  # examples, as the loop shows
A_TRIAL = 40  # customers of the seed's 24 hours, one of four asks the candidate
FOURTH = 4


@dataclass
class Baselines:
    """Ways that learn without proof, each as good as its week's examples.

    `person`: the answers that the reviewer gave, shown at once; `stars`: whatever one customer gave
    four stars, shown at once; `seed`: the same, promoted where 24 hours of customers rate it
    better; `nothing`: what was there at first.
    """

    stage: Stage
    crowd: SeasonalCrowd
    first: Serving
    promoted: str = ""

    async def shares(
        self, model: str, served: Serving, questions: Sequence[Asked]
    ) -> dict[str, float]:
        """Right answers among these questions, of the loop's production and of each way."""
        found = {"loop": await self._share(model, questions)}
        known: dict[str, float] = {}
        for name, build in (await self._builds()).items():
            if build not in known:
                way = f"{name}-{self.crowd.week}"
                await self._register(way, build, served)
                known[build] = await self._share(way, questions)
            found[name] = known[build]
        return found

    async def _share(self, model: str, questions: Sequence[Asked]) -> float:
        """Right answers; none where the model is not served any more."""
        try:
            return float((await score(self.stage.loop, model, questions))["share"])
        except ProviderError:
            return 0.0

    async def _builds(self) -> Mapping[str, str]:
        crowd = self.crowd
        known = [(intent.faq, intent.answer) for intent in crowd.known]
        stars = await self._shown("praised.jsonl", crowd.praised)
        if stars and await self._is_rated_better(stars):
            self.promoted = stars
        return {
            "person": await self._shown("reviewed.jsonl", [*known, *crowd.reviewed]),
            "seed": self.promoted,
            "stars": stars,
            "nothing": "",
        }

    async def _register(self, name: str, build: str, served: Serving) -> None:
        """A way's candidate, on the model that is served now."""
        shown = {"examples": SHOWN, "examples_build": build} if build else {}
        serving = self.first.model_copy(update={"model": served.model, **shown})
        await rollout.register(self.stage.loop, name, kind="examples", serving=serving)

    async def _shown(self, name: str, pairs: Sequence[tuple[str, str]]) -> str:
        """A build of these pairs; empty where they are too few."""
        loop = self.stage.loop
        path = loop.settings.data_dir / name
        write_whole(path, b"".join(_row(*pair) for pair in pairs))
        try:
            build, _ = await examples.write(loop, [path])
        except TooFew:
            return ""
        return build.id

    async def _is_rated_better(self, build: str) -> bool:
        """The seed's rule: the mean of 24 hours' stars, one of four customers at the candidate."""
        with self.crowd.aside(f"trial {self.crowd.week}"):
            asked = [self.crowd.ask() for _ in range(A_TRIAL)]
            new = await self._stars(asked[::FOURTH], build)
            old = await self._stars([a for i, a in enumerate(asked) if i % FOURTH], self.promoted)
        return _mean(new) > _mean(old)

    async def _stars(self, asked: Sequence[Asked], build: str) -> list[float]:
        loop: Loop = self.stage.loop
        shown = {"examples": SHOWN, "examples_build": build} if build else {}
        named = asking.unregistered(loop.assistant, "trial")
        production = await asking.candidate_named(loop, (await rollout.status(loop))["production"])
        serving = self.first.model_copy(update={"model": production.serving.model, **shown})
        candidate = named.model_copy(update={"serving": serving})
        shelf = Shelf()
        said = await asyncio.gather(
            *(
                asking.answer(loop, shelf, candidate, [{"role": "user", "content": one.text}])
                for one in asked
            )
        )
        return [stars for pair in zip(asked, said, strict=True) for stars in self._rated(*pair)]

    def _rated(self, asked: Asked, said: Answer) -> list[float]:
        """The customer's stars, if they give any."""
        known = asked.intent
        right = known is not None and (said.hand_over or said.text == known.answer)
        rating = self.crowd.rate(asked, right=right)
        return [float(rating.said["rating"])] if rating else []


def _mean(stars: Sequence[float]) -> float:
    return sum(stars) / len(stars) if stars else float(PRAISED)


def _row(question: str, answer: str) -> bytes:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return line({"messages": said})
