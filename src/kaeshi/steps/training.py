"""Fine-tuning through any provider: intent first, then the call, then its result. The same work is never paid twice."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from kaeshi.errors import InvalidInput, NotFound, ProviderError, ProviderUnknown
from kaeshi.files import sha256_of
from kaeshi.loop import Loop
from kaeshi.rules import dataset as rows
from kaeshi.rules import training as rules
from kaeshi.types import Candidate, Estimate, TrainingRun, text_of

POLL_SECONDS = 60.0
EMBEDDED_POLL_SECONDS = 0.05


async def estimate(loop: Loop, path: Path, model: str, epochs: int) -> Estimate:
    """What training on this file would cost. Raises InvalidInput for a file that is not training data."""
    texts, extra = [], 0
    for number, raw in enumerate(_lines(path), 1):
        if not raw.strip():
            continue
        try:
            messages = rows.parse(raw)
        except InvalidInput as error:
            msg = f"{path}, line {number}: {error}"
            raise InvalidInput(msg) from error
        texts += [text for message in messages if (text := text_of(message))]
        extra += rules.PER_ROW + rules.PER_MESSAGE * len(messages)
    return rules.estimate(model, loop.tokens.count(texts, model) + extra, epochs, dict(loop.prices))


async def upload(loop: Loop, path: Path) -> str:
    """Upload a training file; the same content is uploaded once per provider. Returns the provider's file id."""
    if not path.is_file():
        msg = f"training file {str(path)!r} does not exist"
        raise InvalidInput(msg)
    sha256, provider = sha256_of(path), loop.trainer.name
    async with loop.store.write() as tx:
        _state, file_id, first = await tx.intend_upload(loop.assistant, provider, sha256, loop.clock.now())
    if file_id is None and not first:
        # somebody meant to, and nobody knows how far they came: look before paying again
        file_id = await loop.trainer.find_file(_key(loop, sha256))
    if file_id is None:
        file_id = await loop.trainer.upload(path, _key(loop, sha256))
    async with loop.store.write() as tx:
        await tx.settle_upload(loop.assistant, provider, sha256, file_id, loop.clock.now())
    return file_id


async def start(loop: Loop, file_id: str, model: str, suffix: str, epochs: int) -> TrainingRun:
    """Start a job on an uploaded file; asking again for the same work returns the run there is."""
    provider, now = loop.trainer.name, loop.clock.now()
    async with loop.store.write() as tx:
        sha256 = await tx.file_sha256(loop.assistant, provider, file_id)
        if sha256 is None:
            msg = f"file {file_id!r} was not uploaded to {provider!r} by assistant {loop.assistant!r}; upload it first"
            raise NotFound(msg)
        wanted = TrainingRun(
            id=loop.ids.new("run"),
            assistant=loop.assistant,
            key=rules.run_key(loop.assistant, sha256, model, suffix, epochs, provider),
            state="planned",
            base_model=model,
            suffix=suffix,
            epochs=epochs,
            provider=provider,
            file_sha256=sha256,
            dataset=await tx.dataset_of_file(loop.assistant, sha256),
            file_id=file_id,
            created_at=now,
            updated_at=now,
        )
        run, first = await tx.intend_run(wanted)
    return run if run.job_id is not None else await _begin(loop, run, first=first)


async def look(loop: Loop, run: TrainingRun) -> TrainingRun:
    """Ask the provider how a run is doing, and write it down. A run whose start nobody knows about is looked up, not repeated."""
    if run.state in rules.FINAL:
        return run
    if run.job_id is None:
        return await _begin(loop, run, first=False)
    job = await loop.trainer.look(run.job_id)
    state, now = rules.next_state(job), loop.clock.now()
    error = (job.get("error") or {}).get("message")
    async with loop.store.write() as tx:
        settled = await tx.settle_run(
            run.model_copy(update={"updated_at": now}), state=state, model=job.get("fine_tuned_model"), error=error
        )
        if state == "succeeded" and settled.model is not None:
            await tx.add_candidate(
                Candidate(
                    id=loop.ids.new("cand"),
                    assistant=loop.assistant,
                    kind="fine_tune",
                    model=settled.model,
                    run=run.id,
                    evidence={},
                    created_at=now,
                )
            )
    return settled


async def wait(loop: Loop, run: TrainingRun, progress: Callable[[TrainingRun], None] = lambda _: None, *, hours: float = 48) -> TrainingRun:
    """Look until the run has ended, every minute (the embedded trainer: several times a second)."""
    until = loop.clock.now() + timedelta(hours=hours)
    while run.state not in rules.FINAL:
        if loop.clock.now() > until:
            msg = f"run {run.id!r} has not ended in {hours} hours; `kaeshi training status {run.id}` looks again"
            raise ProviderUnknown(msg)
        await asyncio.sleep(EMBEDDED_POLL_SECONDS if loop.trainer.embedded else POLL_SECONDS)
        run = await look(loop, run)
        progress(run)
    return run


async def resume(loop: Loop) -> list[TrainingRun]:
    """Look at every run that has not ended: the poller's job."""
    async with loop.store.read() as tx:
        open_runs = await tx.runs(loop.assistant, ("planned", "uploading", "starting", "queued", "running", "unknown"))
    looked = []
    for run in open_runs:
        if run.provider == loop.trainer.name:
            try:
                looked.append(await look(loop, run))
            except ProviderError as error:  # this one is in trouble; the others are not
                looked.append(run.model_copy(update={"error": str(error)}))
    return looked


async def history(loop: Loop) -> list[TrainingRun]:
    """Every run, the latest first."""
    async with loop.store.read() as tx:
        return await tx.runs(loop.assistant)


async def find(loop: Loop, name: str) -> TrainingRun:
    """By run id or job id. Raises NotFound."""
    async with loop.store.read() as tx:
        return await tx.run(loop.assistant, name)


async def _begin(loop: Loop, run: TrainingRun, *, first: bool) -> TrainingRun:
    assert run.file_id is not None  # a run is planned on an uploaded file
    job_id = None if first else await loop.trainer.find_job(run.key)
    if job_id is None:
        try:
            job_id = await loop.trainer.create(run.file_id, run.base_model, run.suffix, run.epochs, run.key)
        except ProviderUnknown:
            raise  # it may be running: the next look finds out
        except ProviderError as error:
            async with loop.store.write() as tx:
                await tx.settle_run(run.model_copy(update={"updated_at": loop.clock.now()}), state="failed", error=str(error))
            raise
    async with loop.store.write() as tx:
        return await tx.settle_run(run.model_copy(update={"updated_at": loop.clock.now()}), state="queued", job_id=job_id)


def _key(loop: Loop, sha256: str) -> str:
    return f"{loop.assistant}-{sha256[:32]}"


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        msg = f"training file {str(path)!r} cannot be read: {error.strerror}"
        raise InvalidInput(msg) from error
