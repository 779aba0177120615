"""`get_fine_tuner()`: the seed's calls on fine-tuning, and the job history."""

from pathlib import Path
from typing import Any

from kaeshi.app import Target, open_loop
from kaeshi.errors import InvalidInput
from kaeshi.steps import training as steps


class FineTuner:
    """Fine-tunes over OpenAI's wire at the provider in the environment.

    Without a key, at the embedded trainer.
    """

    async def estimate_cost(self, path: str, model: str, n_epochs: int = 1) -> dict[str, Any]:
        """Tokens of one epoch, and dollars for `n_epochs` epochs."""
        async with open_loop() as loop:
            found = await steps.estimate(loop, Path(path), model, n_epochs)
        return {
            "tokens": found.tokens,
            "estimated_cost_usd": float(found.estimated_cost_usd),
            "epochs": found.epochs,
            "price_per_million_usd": float(found.price_per_million_usd),
            "source": found.source,
        }

    async def upload_training_file(self, path: str, db: Target = None) -> str:
        """Upload a file once; returns the provider's file id."""
        async with open_loop(db) as loop:
            return await steps.upload(loop, Path(path))

    async def create_fine_tune(
        self,
        file_id: str,
        model: str | None = None,
        suffix: str | None = None,
        hyperparameters: dict[str, Any] | None = None,
        db: Target = None,
    ) -> str:
        """Start a job, or find the job of the same work.

        Returns the provider's job id.
        """
        async with open_loop(db) as loop:
            epochs = (hyperparameters or {}).get("n_epochs", loop.settings.fine_tune_epochs)
            if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
                msg = f"n_epochs {epochs!r} is not a whole number from 1"
                raise InvalidInput(msg)
            run = await steps.start(
                loop,
                file_id,
                model or loop.settings.fine_tune_base_model,
                suffix or loop.settings.fine_tune_suffix,
                epochs,
            )
            return str(run.job_id)

    async def monitor_fine_tune(self, job_id: str, db: Target = None) -> dict[str, Any]:
        """Wait until the job has ended."""
        async with open_loop(db) as loop:
            run = await steps.wait(loop, await steps.find(loop, job_id))
        return {"status": run.state, "fine_tuned_model": run.model, "error": run.error}

    async def list_jobs(self, db: Target = None) -> list[dict[str, Any]]:
        """Every job, the latest first."""
        async with open_loop(db) as loop:
            return [run.model_dump(mode="json") for run in await steps.history(loop)]
