"""Candidates: models that may answer customers."""

import json
from typing import Any

from sqlalchemy import Row, select, update

from kaeshi.errors import NotFound
from kaeshi.nouns import Candidate, Serving
from kaeshi.store.tables import candidates, productions, rollouts
from kaeshi.store.verbs import Verbs, dumps, micros, moment


class CandidateVerbs(Verbs):
    """Registers candidates and finds them."""

    async def add(self, candidate: Candidate) -> Candidate:
        """Register a candidate.

        The same model is registered once, and its newer evidence is added.
        """
        row = candidate.model_dump() | {
            "evidence": dumps(candidate.evidence),
            "created_at": micros(candidate.created_at),
            "serving": candidate.serving.model_dump_json(exclude_defaults=True),
        }
        if await self._add(candidates, [row]) == 0:
            stored = await self.named(candidate.assistant, candidate.model)
            return await self._merge_evidence(candidate, stored)
        return candidate

    async def _merge_evidence(self, candidate: Candidate, stored: Candidate) -> Candidate:
        if candidate.evidence:
            merged = stored.evidence | candidate.evidence
            await self.connection.execute(
                update(candidates)
                .where(candidates.c.assistant == candidate.assistant, candidates.c.id == stored.id)
                .values(evidence=dumps(merged))
            )
            stored = stored.model_copy(update={"evidence": merged})
        return stored

    async def builds_named(self, assistant: str) -> set[str]:
        """The builds of the knowledge base that candidates read, but for those rolled back."""
        return {one.knowledge_build for one in await self._servings(assistant)} - {""}

    async def examples_named(self, assistant: str) -> set[str]:
        """The builds of examples that candidates read, but for those rolled back."""
        return {one.examples_build for one in await self._servings(assistant)} - {""}

    async def _servings(self, assistant: str) -> list[Serving]:
        """How candidates are asked, but for those rolled back."""
        over = select(rollouts.c.candidate).where(
            rollouts.c.assistant == assistant, rollouts.c.state == "rolled_back"
        )
        kept = select(productions.c.candidate).where(productions.c.assistant == assistant)
        statement = select(candidates.c.serving).where(
            candidates.c.assistant == assistant,
            candidates.c.id.not_in(over) | candidates.c.id.in_(kept),
        )
        found = (await self.connection.execute(statement)).scalars()
        return [Serving.model_validate_json(row) for row in found]

    async def named(self, assistant: str, name: str) -> Candidate:
        """By id or by model. Raises NotFound."""
        statement = select(candidates).where(
            candidates.c.assistant == assistant,
            (candidates.c.id == name) | (candidates.c.model == name),
        )
        row = (await self.connection.execute(statement)).first()
        if row is None:
            msg = (
                f"candidate {name!r} of assistant {assistant!r} is not registered; `kaeshi "
                "training list` shows what was trained, and --served-as or --base-url describe "
                "another model"
            )
            raise NotFound(msg)
        return as_candidate(row)


def as_candidate(row: Row[Any]) -> Candidate:
    """A candidate from its row."""
    return Candidate(
        id=row.id,
        assistant=row.assistant,
        kind=row.kind,
        model=row.model,
        run=row.run,
        serving=Serving.model_validate_json(row.serving),
        evidence=json.loads(row.evidence),
        created_at=moment(row.created_at),
    )
