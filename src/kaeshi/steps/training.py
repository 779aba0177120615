"""Fine-tuning at any provider: record the intent, call, record the result.

The same work is never paid twice.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from kaeshi.errors import Conflict, InvalidInput, NotFound, ProviderError, ProviderUnknown, Refused
from kaeshi.files import sha256_of
from kaeshi.formats.training_rows import messages_of, parse_preference_row, parse_row
from kaeshi.loop import Loop
from kaeshi.nouns import (
    Candidate,
    Estimate,
    JobRequest,
    Json,
    RunState,
    Serving,
    TrainingEvent,
    TrainingMethod,
    TrainingRun,
    text_of,
)
from kaeshi.rules import training as rules
from kaeshi.steps.spending import booked_cost, check_base, reserve_of
from kaeshi.store.store import Tx

POLL_SECONDS = 60.0
EMBEDDED_POLL_SECONDS = 0.05
FILE_LIFE = timedelta(days=29)  # uploads expire after 30


async def estimate(
    loop: Loop, path: Path, model: str, epochs: int, method: TrainingMethod = "supervised"
) -> Estimate:
    """The estimated cost of training on this file.

    Raises InvalidInput for a file that is not training data.
    """
    return rules.estimate(model, _tokens(loop, path, model, method), epochs, dict(loop.prices))


async def upload(loop: Loop, path: Path, method: TrainingMethod = "supervised") -> str:
    """Upload a training file; the same content is uploaded once per provider.

    Returns the provider's file id.
    """
    if not path.is_file():
        msg = f"training file {str(path)!r} does not exist"
        raise InvalidInput(msg)
    sha256 = sha256_of(path)
    provider = loop.trainer.name
    now = loop.clock.now()
    # the embedded trainer costs nothing, and checks the rows itself
    tokens = (
        0
        if loop.trainer.embedded
        else _tokens(loop, path, loop.settings.fine_tune_base_model, method)
    )
    async with loop.store.write() as tx:
        await _check_consent(loop, tx, sha256)
        file_id, first = await tx.training.intend_upload(
            loop.assistant, provider, sha256, tokens, now, now - FILE_LIFE
        )
    if file_id is not None:
        return file_id
    return await _send_file(loop, path, sha256, first=first)


async def _send_file(loop: Loop, path: Path, sha256: str, *, first: bool) -> str:
    """Upload an intended file.

    After a crash the provider may have it already, so it is looked up first.
    """
    provider = loop.trainer.name
    file_id = None
    if not first:
        file_id = await loop.trainer.find_file(_key(loop, sha256))
    if file_id is None:
        file_id = await loop.trainer.upload(path, _key(loop, sha256))
    async with loop.store.write() as tx:
        await tx.training.settle_upload(loop.assistant, provider, sha256, file_id, loop.clock.now())
    return file_id


async def start(
    loop: Loop,
    file_id: str,
    model: str,
    suffix: str,
    epochs: int,
    *,
    validation_file_id: str | None = None,
    method: TrainingMethod = "supervised",
) -> TrainingRun:
    """Start a job on an uploaded file.

    Starting the same work again returns the existing run, unless that has failed.
    `validation_file_id`: held-out rows, uploaded like the others; the checkpoint with the least
    loss on them becomes the candidate. The cost is reserved in the same transaction as the intent.
    Raises Refused beyond a cap, and ProviderUnknown where the answer was lost: then the poller
    finds out, and nothing is paid twice.
    """
    async with loop.store.write() as tx:
        sha256, tokens = await _uploaded(loop, tx, file_id)
        held_sha256 = None
        if validation_file_id is not None:
            held_sha256, _ = await _uploaded(loop, tx, validation_file_id)
        work = _Work(
            file_id=file_id,
            file_sha256=sha256,
            model=model,
            suffix=suffix,
            epochs=epochs,
            method=method,
            validation_file_id=validation_file_id,
            validation_sha256=held_sha256,
        )
        attempt, run = await _latest_attempt(loop, tx, work)
        if run is None:
            check_base(loop, model)
            await _check_consent(loop, tx, sha256, held_sha256)
            reserved = await reserve_of(loop, tx, model, tokens * epochs)
            run, _ = await tx.training.intend_run(
                await _intended(loop, tx, work, attempt, reserved)
            )
    begun = run if run.job_id is not None else await _begin(loop, run)
    if begun.job_id is None:
        msg = (
            f"run {begun.id!r} was asked for and {loop.trainer.name} does not list it: "
            f"{begun.error or 'the poller checks again'}"
        )
        raise ProviderUnknown(msg)
    return begun


async def _check_consent(loop: Loop, tx: Tx, *files: str | None) -> None:
    """Raise Refused for a dataset of which a conversation may not be learned from any more."""
    for sha256 in filter(None, files):
        dataset = await tx.datasets.of_file(loop.assistant, sha256)
        withdrawn = await tx.datasets.withdrawn(loop.assistant, dataset) if dataset else 0
        if withdrawn:
            msg = (
                f"dataset {dataset!r}: consent to learn from {withdrawn} of its conversations was "
                "withdrawn; build it again with `kaeshi dataset build`"
            )
            raise Refused(msg)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The parameters of a job."""

    file_id: str
    file_sha256: str
    model: str
    suffix: str
    epochs: int
    method: TrainingMethod
    validation_file_id: str | None
    validation_sha256: str | None


def _run_key(loop: Loop, work: _Work, attempt: int) -> str:
    return rules.run_key(
        loop.assistant,
        work.file_sha256,
        work.model,
        work.suffix,
        work.epochs,
        loop.trainer.name,
        attempt,
        method=work.method,
        validation_sha256=work.validation_sha256,
    )


async def _latest_attempt(loop: Loop, tx: Tx, work: _Work) -> tuple[int, TrainingRun | None]:
    """The current attempt with its run; None for the run if this attempt is to begin."""
    attempt = 1
    while True:
        run = await tx.training.run_of(loop.assistant, _run_key(loop, work, attempt))
        if run is None or run.state not in {"failed", "cancelled"}:
            return attempt, run
        attempt += 1


async def _intended(
    loop: Loop, tx: Tx, work: _Work, attempt: int, reserved: Decimal
) -> TrainingRun:
    now = loop.clock.now()
    return TrainingRun(
        id=loop.ids.new("run"),
        assistant=loop.assistant,
        key=_run_key(loop, work, attempt),
        state="intent",
        base_model=work.model,
        suffix=work.suffix,
        epochs=work.epochs,
        provider=loop.trainer.name,
        file_sha256=work.file_sha256,
        dataset=await tx.datasets.of_file(loop.assistant, work.file_sha256),
        file_id=work.file_id,
        method=work.method,
        validation_file_id=work.validation_file_id,
        attempt=attempt,
        reserved_usd=reserved,
        created_at=now,
        updated_at=now,
    )


async def look(loop: Loop, run: TrainingRun) -> TrainingRun:
    """Ask the provider for the state of a run, and store it.

    A run whose start is uncertain is looked up, not repeated.
    """
    if run.state in rules.FINAL:
        return run
    if run.job_id is None:
        return await _begin(loop, run)
    job = await loop.trainer.look(run.job_id)
    state = rules.next_state(job)
    now = loop.clock.now()
    changed = await _changes_of(state, job, loop, run)
    events = await _events_of(loop, run.job_id) if state in rules.FINAL else []
    return await _write_down(loop, run, now, changed, events)


async def _changes_of(
    state: RunState,
    job: Json,
    loop: Loop,
    run: TrainingRun,
) -> dict[str, object]:
    changed: dict[str, object] = {"state": state, "error": (job.get("error") or {}).get("message")}
    if state in rules.FINAL:
        tokens = job.get("trained_tokens")
        changed |= {"trained_tokens": tokens, "booked_usd": booked_cost(loop, run, state, tokens)}
    if state == "succeeded":
        changed["model"] = rules.best_checkpoint(
            await _checkpoints(loop, str(run.job_id))
        ) or job.get("fine_tuned_model")
    return changed


async def _write_down(
    loop: Loop,
    run: TrainingRun,
    now: datetime,
    changed: dict[str, object],
    events: list[TrainingEvent],
) -> TrainingRun:
    async with loop.store.write() as tx:
        settled = await tx.training.settle_run(run, now, **changed)
        await tx.training.add_events(run, events)
        if settled.state == "succeeded" and settled.model is not None:
            await tx.candidates.add(
                Candidate(
                    id=loop.ids.new("cand"),
                    assistant=loop.assistant,
                    kind="fine_tune",
                    model=settled.model,
                    run=run.id,
                    serving=Serving(base_url=loop.settings.trained_at),
                    evidence={},
                    created_at=now,
                )
            )
    return settled


async def decide(
    loop: Loop, run: TrainingRun, *, job: str | None = None, again: bool = False
) -> TrainingRun:
    """A person's decision on a run with an unknown outcome.

    Its job is that one, or it is to be asked for again, or (neither) it is given up.
    """
    if run.state != "unknown" or run.job_id is not None:
        msg = f"run {run.id!r} is {run.state!r}, so there is nothing to decide"
        raise Conflict(msg)
    now = loop.clock.now()
    async with loop.store.write() as tx:
        if job is not None:
            return await tx.training.settle_run(run, now, state="created", job_id=job, error=None)
        if again:
            return await tx.training.settle_run(
                run, now, state="intent", asks=0, asked_at=None, error=None
            )
        return await tx.training.settle_run(run, now, state="cancelled", booked_usd=Decimal(0))


async def wait(
    loop: Loop,
    run: TrainingRun,
    progress: Callable[[TrainingRun], None] = lambda _: None,
    *,
    hours: float = 48,
) -> TrainingRun:
    """Poll until the run has ended: every minute, the embedded trainer several times a second."""
    until = loop.clock.now() + timedelta(hours=hours)
    while run.state not in rules.FINAL:
        if loop.clock.now() > until:
            msg = (
                f"run {run.id!r} has not ended in {hours} hours; `kaeshi training status "
                f"{run.id}` looks again"
            )
            raise ProviderUnknown(msg)
        await asyncio.sleep(EMBEDDED_POLL_SECONDS if loop.trainer.embedded else POLL_SECONDS)
        run = await look(loop, run)
        progress(run)
    return run


async def resume(loop: Loop) -> list[TrainingRun]:
    """Poll every run that has not ended: the poller's job."""
    async with loop.store.read() as tx:
        open_runs = await tx.training.runs(
            loop.assistant, ("intent", "created", "running", "unknown")
        )
    looked = []
    for run in open_runs:
        if run.provider == loop.trainer.name:
            try:
                looked.append(await look(loop, run))
            # an error of one run must not stop the others
            except (ProviderError, NotFound) as error:
                looked.append(run.model_copy(update={"error": str(error)}))
    return looked


async def history(loop: Loop) -> list[TrainingRun]:
    """Every run, the latest first."""
    async with loop.store.read() as tx:
        return await tx.training.runs(loop.assistant)


async def events(loop: Loop, run: TrainingRun) -> list[TrainingEvent]:
    """The provider's events of the run, the oldest first.

    Stored for a run that has ended, requested for one under way.
    """
    if run.state not in rules.FINAL and run.job_id is not None:
        found = await _events_of(loop, run.job_id)
        async with loop.store.write() as tx:
            await tx.training.add_events(run, found)
    async with loop.store.read() as tx:
        return await tx.training.events(run)


async def find(loop: Loop, name: str) -> TrainingRun:
    """By run id or job id. Raises NotFound."""
    async with loop.store.read() as tx:
        return await tx.training.run(loop.assistant, name)


async def _begin(loop: Loop, run: TrainingRun) -> TrainingRun:
    """Give a run its job.

    Adopt the job that belongs to it, or ask for one, never both.
    """
    assert run.file_id is not None  # every run has an uploaded file
    if run.asks:
        job = await _own_job(loop, run)
        if job is not None:
            return await _adopt(loop, run, job)
    lag = _lag(loop)
    step = rules.next_ask(run, loop.clock.now(), lag)
    if run.state == "unknown" or step == "wait":
        return run
    async with loop.store.write() as tx:
        if step == "give_up":
            said = (
                f"asked {run.asks} times and {loop.trainer.name} lists no job of it; `kaeshi "
                f"training decide {run.id}` resolves it"
            )
            return await tx.training.settle_run(run, loop.clock.now(), state="unknown", error=said)
        mine = await tx.training.claim_ask(run, loop.clock.now())
        run = await tx.training.run(run.assistant, run.id)
    return await _ask(loop, run) if mine else run


def _lag(loop: Loop) -> timedelta:
    return (
        timedelta(0)
        if loop.trainer.embedded
        else timedelta(minutes=loop.settings.training_lag_minutes)
    )


async def _ask(loop: Loop, run: TrainingRun) -> TrainingRun:
    wanted = JobRequest(
        training_file=run.file_id or "",
        model=run.base_model,
        suffix=run.suffix,
        epochs=run.epochs,
        method=run.method,
        validation_file=run.validation_file_id,
        key=run.key,
        seed=run.seed,
        dataset_sha256=run.file_sha256,
    )
    try:
        job = await loop.trainer.create(wanted)
    except ProviderUnknown:
        raise  # it may be running: the next poll finds out
    except (ProviderError, NotFound) as error:
        async with loop.store.write() as tx:
            await tx.training.settle_run(
                run, loop.clock.now(), state="failed", error=str(error), booked_usd=Decimal(0)
            )
        raise
    return await _adopt(loop, run, job)


async def _own_job(loop: Loop, run: TrainingRun) -> Json | None:
    listed = await loop.trainer.jobs()
    async with loop.store.read() as tx:
        taken = await tx.training.adopted(run.assistant, run.provider)
    return next((job for job in listed if job["id"] not in taken and rules.belongs(job, run)), None)


async def _adopt(loop: Loop, run: TrainingRun, job: Json) -> TrainingRun:
    async with loop.store.write() as tx:
        return await tx.training.settle_run(
            run, loop.clock.now(), state="created", job_id=job["id"], error=None
        )


async def _checkpoints(loop: Loop, job: str) -> list[Json]:
    try:
        return await loop.trainer.checkpoints(job)
    except NotFound:  # not every provider keeps them
        return []


async def _events_of(loop: Loop, job: str) -> list[TrainingEvent]:
    try:
        return await loop.trainer.events(job)
    except (
        NotFound,
        ProviderError,
    ):  # events are optional; a failure to list them must not hide the state
        return []


async def _uploaded(loop: Loop, tx: Tx, file_id: str) -> tuple[str, int]:
    found = await tx.training.uploaded(loop.assistant, loop.trainer.name, file_id)
    if found is None:
        msg = (
            f"file {file_id!r} was not uploaded to {loop.trainer.name!r} by assistant "
            f"{loop.assistant!r}; upload it first"
        )
        raise NotFound(msg)
    return found


def _tokens(loop: Loop, path: Path, model: str, method: TrainingMethod) -> int:
    """Tokens of one epoch. Raises InvalidInput for a file that is not training data."""
    texts = []
    extra = 0
    for number, raw in enumerate(_lines(path), 1):
        if not raw.strip():
            continue
        try:
            row = parse_row(raw) if method == "supervised" else parse_preference_row(raw)
        except InvalidInput as error:
            msg = f"{path}, line {number}: {error}"
            raise InvalidInput(msg) from error
        messages = messages_of(row)
        tools = (row.get("input") or row).get("tools")
        texts += [json.dumps(tools, ensure_ascii=False)] if tools else []
        texts += [text for message in messages if (text := text_of(message))]
        extra += rules.PER_ROW + rules.PER_MESSAGE * len(messages)
    return loop.tokens.count(texts, model) + extra


def _key(loop: Loop, sha256: str) -> str:
    return f"{loop.assistant}-{sha256[:32]}"


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        msg = f"training file {str(path)!r} cannot be read: {error.strerror}"
        raise InvalidInput(msg) from error
