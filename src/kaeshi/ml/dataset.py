"""`get_dataset_builder()`: the seed's three calls on training data."""

from pathlib import Path
from typing import Any

from kaeshi.app import Target, open_loop
from kaeshi.nouns import Dataset
from kaeshi.steps import collection
from kaeshi.steps import dataset as steps


class DatasetBuilder:
    """Judges, scrubs and exports conversations in OpenAI's chat format."""

    async def build_dataset(
        self,
        db: Target = None,
        min_confidence: float = 0.8,
        require_positive_feedback: bool = False,
        max_samples: int | None = None,
    ) -> "Dataset":  # the seed's signature
        """Build a dataset of every conversation that may be learned from.

        Raises TooFew below MIN_EXAMPLES.
        """
        async with open_loop(db) as loop:
            wanted = collection.filters(loop).model_copy(
                update={
                    "min_confidence": min_confidence,
                    "require_positive_feedback": require_positive_feedback,
                }
            )
            dataset = await steps.build(loop, wanted, max_samples=max_samples)
            await steps.register(loop, dataset, "")
            return dataset

    def export_jsonl(self, dataset: "Dataset", path: str) -> None:
        """Write all rows into one JSONL file, whole or not at all."""
        steps.export(dataset, Path(path))

    def validate_format(self, path: str) -> tuple[bool, list[str]]:
        """Whether a file is valid training data; the errors carry line numbers."""
        faults: list[Any] = steps.check(Path(path))
        return not faults, faults
