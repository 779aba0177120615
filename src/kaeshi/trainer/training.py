"""The work of one fine-tuning job: train the responder, or adapters on a language model."""

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kaeshi.nouns import Json
from kaeshi.ports import Embedder
from kaeshi.trainer.answers import RESPONDER, model_folder
from kaeshi.trainer.engines import lora, responder
from kaeshi.trainer.engines.lora.cluster import Cluster
from kaeshi.trainer.files import Files
from kaeshi.trainer.folder import Folder
from kaeshi.trainer.jobs import Jobs

DEFAULT_EPOCHS = 3
MODELS = 3  # checkpoints per job that can answer, as at OpenAI


class Training:
    """Trains the jobs of a trainer's folder.

    `features`: the responder's features. `count` gives the tokens of training rows.
    """

    def __init__(
        self,
        folder: Folder,
        files: Files,
        features: Embedder,
        count: Callable[[Sequence[Json]], int],
        models_dir: Path,
        cluster: Cluster | None,
    ) -> None:
        self._folder = folder
        self._files = files
        self._features = features
        self._count = count
        self._models_dir = models_dir
        self._cluster = cluster

    def run(self, job: Json, jobs: Jobs) -> Json | None:
        """Do the work of a job: its result, None if it was set aside meanwhile."""
        if job["base"] == RESPONDER:
            return self._trained_responder(job, jobs)
        return self._trained_lora(job, jobs)

    def _trained_responder(self, job: Json, jobs: Jobs) -> Json:
        rows = self._files.rows(job["training_file"])
        validation = (
            self._files.rows(job["validation_file"], least=0, what="validation")
            if job["validation_file"]
            else []
        )
        trained = responder.train(
            rows, validation, self._features, lambda text: jobs.event(job["id"], text)
        )
        model = _named(job)
        details = {
            "id": model,
            "job": job["id"],
            "embedder": self._features.name,
            "answers": len(trained.answers),
        }
        self._folder.put_model(
            model, responder.save(trained, model_folder(self._folder.path, model), details)
        )
        chosen = job["hyperparameters"]["n_epochs"]
        epochs = DEFAULT_EPOCHS if chosen == "auto" else chosen
        used = job["hyperparameters"] | {"n_epochs": epochs}
        return {
            "fine_tuned_model": model,
            "trained_tokens": self._count(rows) * epochs,
            "hyperparameters": used,
            "method": {"type": "supervised", "supervised": {"hyperparameters": used}},
        }

    def _trained_lora(self, job: Json, jobs: Jobs) -> Json | None:
        """Train in a child process, from the last checkpoint.

        None if the job was set aside meanwhile.
        """
        name = job["id"]
        kind = job["method"]["type"]
        folder = self._folder.job(name)
        rows = self._files.rows(job["training_file"], kind=kind)
        if job["validation_file"]:
            self._files.rows(job["validation_file"], least=1, kind=kind, what="validation")
        chosen, used = _chosen_figures(job, kind, rows)
        beta = chosen.get("beta", "auto")
        spec = self._spec_of(job, folder, kind, used, beta)
        done = self._run_lora(spec, folder, name, jobs)
        if done is None:
            self._clear_cancelled(name)
            return None
        model, checkpoints, results = self._published(job, done, folder, name)
        shutil.rmtree(folder)
        shown = used | ({"beta": spec["beta"]} if kind == "dpo" else {})
        return {
            "fine_tuned_model": model,
            "trained_tokens": done["trained_tokens"],
            "hyperparameters": used,
            "method": {"type": kind, kind: {"hyperparameters": shown}},
            "checkpoints": checkpoints,
            "result_files": [results["id"]],
        }

    def _clear_cancelled(self, name: str) -> None:
        if self._folder.find("job", name)["status"] == "cancelled":
            shutil.rmtree(self._folder.job(name), ignore_errors=True)

    def _spec_of(
        self, job: Json, folder: Path, kind: Any, used: dict[str, float | Any], beta: Any
    ) -> Json:
        return {
            "base": job["base"],
            "asked_as": job["model"],
            "models_dir": str(self._models_dir),
            "training_file": str(self._folder.file(job["training_file"])),
            "validation_file": str(self._folder.file(job["validation_file"]))
            if job["validation_file"]
            else None,
            "folder": str(folder),
            "method": kind,
            "epochs": used["n_epochs"],
            "batch": used["batch_size"],
            "multiplier": used["learning_rate_multiplier"],
            "beta": lora.BETA if beta == "auto" else beta,
            "seed": job["seed"],
        }

    def _run_lora(self, spec: Json, folder: Path, name: str, jobs: Jobs) -> Json | None:
        try:
            run = lora.run if self._cluster is None else self._cluster.run
            done = run(
                spec,
                folder,
                lambda process: jobs.started(name, process),
                lambda message: _report(jobs, name, message),
            )
        finally:
            jobs.ended(name)
        return done

    def _published(
        self, job: Json, done: Json, folder: Path, name: str
    ) -> tuple[str, list[Json], Json]:
        model = _named(job)
        kept = [
            epoch
            for epoch in done["epochs"]
            if epoch["epoch"] == done["best"] or epoch in done["epochs"][-MODELS:]
        ]
        checkpoints = []
        for epoch in kept:
            step, names = self._publish_epoch(epoch, model, done, folder, name, job)
            checkpoints.append(self._checkpoint_shown(names, step, epoch, name))
        results = self._files.put(
            (folder / "results.csv").read_bytes(), "step_metrics.csv", "fine-tune-results"
        )
        return model, checkpoints, results

    def _publish_epoch(
        self, epoch: Any, model: str, done: Json, folder: Path, name: str, job: Json
    ) -> tuple[Any, list[str]]:
        step = epoch["metrics"]["step"]
        names = [
            f"{model}:ckpt-step-{step}",
            *([model] if epoch["epoch"] == done["best"] else []),
        ]
        for each in names:
            self._folder.put_model(
                each,
                lora.publish(
                    folder / f"epoch-{epoch['epoch']}",
                    model_folder(self._folder.path, each),
                    {"id": each, "job": name, "base": job["base"]},
                ),
            )
        return step, names

    def _checkpoint_shown(self, names: list[str], step: Any, epoch: Any, name: str) -> Json:
        return {
            "id": f"ftckpt-{hashlib.sha256(names[0].encode()).hexdigest()[:24]}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": self._folder.seconds(),
            "fine_tuned_model_checkpoint": names[0],
            "step_number": step,
            "metrics": {
                "step": step,
                **{n: v for n, v in epoch["metrics"].items() if n != "step"},
            },
            "fine_tuning_job_id": name,
        }


def _report(jobs: Jobs, name: str, message: Json) -> None:
    """Store the process's messages among the job's events, losses with their numbers."""
    if "step" in message:
        jobs.event(
            name,
            (
                f"Step {message['step']}/{message['total_steps']}: training "
                f"loss={message['train_loss']:.2f}"
            ),
            message,
        )
    elif "checkpoint" in message:
        metrics = message["checkpoint"]["metrics"]
        loss = f", validation loss={metrics['valid_loss']:.2f}" if "valid_loss" in metrics else ""
        jobs.event(
            name,
            (
                f"Checkpoint after epoch {message['checkpoint']['epoch']}, step "
                f"{metrics['step']}{loss}"
            ),
        )
    else:
        jobs.event(name, message["event"])


def _chosen_figures(job: Json, kind: str, rows: list[Json]) -> tuple[Any, dict[str, float | Any]]:
    chosen = job["method"][kind]["hyperparameters"]
    used = {
        "n_epochs": lora.auto_epochs(len(rows))
        if chosen["n_epochs"] == "auto"
        else chosen["n_epochs"],
        "batch_size": lora.auto_batch(len(rows))
        if chosen["batch_size"] == "auto"
        else chosen["batch_size"],
        "learning_rate_multiplier": 1.0
        if chosen["learning_rate_multiplier"] == "auto"
        else chosen["learning_rate_multiplier"],
    }
    return chosen, used


def _named(job: Json) -> str:
    """The tuned model's name: the same if the job is taken over after a crash."""
    base = re.sub(r"[^a-z0-9.-]+", "-", job["base"].rpartition("/")[2].lower()).strip("-")
    suffix = job["user_provided_suffix"] or "kaeshi"
    digest = hashlib.sha256(job["id"].encode()).hexdigest()
    return f"ft:{base}:{suffix}:{digest[:8]}"
