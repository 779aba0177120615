"""Datasets, and the examples and files that they are made of."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select

from kaeshi.nouns import Json
from kaeshi.store.tables import (
    conversations,
    dataset_examples,
    dataset_files,
    datasets,
    examples,
    training_runs,
)
from kaeshi.store.verbs import Verbs, among, chunks, dumps, micros

_HOLDING = (
    select(dataset_examples.c.dataset, training_runs.c.model)
    .join(
        examples,
        (examples.c.assistant == dataset_examples.c.assistant)
        & (examples.c.id == dataset_examples.c.example),
    )
    .outerjoin(
        training_runs,
        (training_runs.c.assistant == dataset_examples.c.assistant)
        & (training_runs.c.dataset == dataset_examples.c.dataset),
    )
    .where(
        dataset_examples.c.assistant == bindparam("assistant"),
        among(examples.c.conversation, "ids"),
    )
    .distinct()
)


class DatasetVerbs(Verbs):
    """Registers datasets and finds them by their files."""

    async def add(
        self,
        assistant: str,
        dataset: str,
        path: str,
        manifest: Json,
        lineage: Sequence[tuple[str, str]],
        now: datetime,
    ) -> None:
        """Register a dataset, its files, and its (example, split) pairs."""
        await self._put(
            datasets,
            [
                {
                    "assistant": assistant,
                    "id": dataset,
                    "path": path,
                    "manifest": dumps(manifest),
                    "created_at": micros(now),
                }
            ],
        )
        files = {file["sha256"] for file in manifest.get("files", {}).values()}
        await self._add(
            dataset_files,
            [{"assistant": assistant, "sha256": f, "dataset": dataset} for f in sorted(files)],
        )
        await self.connection.execute(
            delete(dataset_examples).where(
                dataset_examples.c.assistant == assistant, dataset_examples.c.dataset == dataset
            )
        )
        for part in chunks(lineage):
            await self._add(
                dataset_examples,
                [
                    {"assistant": assistant, "dataset": dataset, "example": example, "split": split}
                    for example, split in part
                ],
            )

    async def of_file(self, assistant: str, sha256: str) -> str | None:
        """The dataset that a training file came from; the latest of several with equal files."""
        statement = (
            select(datasets.c.id)
            .join(
                dataset_files,
                (dataset_files.c.assistant == datasets.c.assistant)
                & (dataset_files.c.dataset == datasets.c.id),
            )
            .where(datasets.c.assistant == assistant, dataset_files.c.sha256 == sha256)
            .order_by(datasets.c.created_at.desc())
        )
        found = (await self.connection.execute(statement)).first()
        return None if found is None else str(found.id)

    async def manifest(self, assistant: str, dataset: str) -> Json:
        """A registered dataset's manifest."""
        statement = select(datasets.c.manifest).where(
            datasets.c.assistant == assistant, datasets.c.id == dataset
        )
        return dict(json.loads((await self.connection.execute(statement)).scalar_one()))

    async def holding(self, assistant: str, ids: Sequence[str]) -> tuple[list[str], list[str]]:
        """(datasets that hold one of these conversations, models trained on those datasets)."""
        rows = await self._rows(_HOLDING, assistant=assistant, ids=list(ids))
        return sorted({name for name, _ in rows}), sorted({model for _, model in rows if model})

    async def withdrawn(self, assistant: str, dataset: str) -> int:
        """How many conversations of a dataset may not be learned from any more."""
        statement = (
            select(func.count())
            .select_from(dataset_examples)
            .join(
                examples,
                (examples.c.assistant == dataset_examples.c.assistant)
                & (examples.c.id == dataset_examples.c.example),
            )
            .join(
                conversations,
                (conversations.c.assistant == examples.c.assistant)
                & (conversations.c.id == examples.c.conversation),
            )
            .where(
                dataset_examples.c.assistant == assistant,
                dataset_examples.c.dataset == dataset,
                conversations.c.consent == "none",
            )
        )
        return int((await self.connection.execute(statement)).scalar_one())
