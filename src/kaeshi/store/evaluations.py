"""Test cases, in every version, and results of models on them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql.selectable import Select

from kaeshi.nouns import CaseResult, Evaluation, TestCase
from kaeshi.store.tables import evaluations, test_cases
from kaeshi.store.verbs import Verbs, micros, moment


class EvaluationVerbs(Verbs):
    """Test cases and evaluations."""

    async def add_case(self, assistant: str, case: TestCase, now: datetime) -> TestCase:
        """Store a case.

        Another content under the same id becomes its next version; an equal one changes nothing.
        """
        latest = next((c for c in await self.cases(assistant) if c.id == case.id), None)
        if latest is not None and latest.model_copy(update={"version": case.version}) == case:
            return latest
        stored = case.model_copy(update={"version": 1 if latest is None else latest.version + 1})
        await self._add(
            test_cases,
            [
                {
                    "assistant": assistant,
                    "id": stored.id,
                    "version": stored.version,
                    "body": stored.model_dump_json(),
                    "created_at": micros(now),
                }
            ],
        )
        return stored

    async def cases(self, assistant: str) -> list[TestCase]:
        """The latest version of every case."""
        statement = _latest_bodies(assistant)
        bodies = (
            await self.connection.execute(
                statement.where(test_cases.c.assistant == assistant).order_by(test_cases.c.id)
            )
        ).scalars()
        return [TestCase.model_validate_json(body) for body in bodies]

    async def add(self, evaluation: Evaluation) -> None:
        """Store a result."""
        results = json.dumps([r.model_dump() for r in evaluation.results], ensure_ascii=False)
        row = evaluation.model_dump(exclude={"results", "at"}) | {
            "results": results,
            "at": micros(evaluation.at),
        }
        await self._add(evaluations, [row])

    async def of_models(self, assistant: str, models: Sequence[str]) -> list[Evaluation]:
        """Results of these models, the latest first."""
        statement = (
            select(evaluations)
            .where(evaluations.c.assistant == assistant, evaluations.c.model.in_(models))
            .order_by(evaluations.c.at.desc(), evaluations.c.id)
        )
        return [
            Evaluation(
                id=row.id,
                assistant=row.assistant,
                model=row.model,
                cases_sha256=row.cases_sha256,
                passed=row.passed,
                failed=row.failed,
                results=tuple(CaseResult(**r) for r in json.loads(row.results)),
                at=moment(row.at),
            )
            for row in await self.connection.execute(statement)
        ]


def _latest_bodies(assistant: str) -> Select[*tuple[Any, ...]]:
    newest = (
        select(test_cases.c.id, func.max(test_cases.c.version).label("version"))
        .where(test_cases.c.assistant == assistant)
        .group_by(test_cases.c.id)
        .subquery()
    )
    return select(test_cases.c.body).join(
        newest, (newest.c.id == test_cases.c.id) & (newest.c.version == test_cases.c.version)
    )
