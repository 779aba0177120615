"""Never twice, and never more than was agreed.

The provider accepts, and then answers badly; its lists are late; we are killed.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from kaeshi import dated
from kaeshi.errors import Conflict, InvalidInput, NotFound, ProviderError, ProviderUnknown, Refused
from kaeshi.loop import Loop
from kaeshi.nouns import TrainingEvent, TrainingRun
from kaeshi.providers.fake import FakeClock, FakeTrainer
from kaeshi.rules import training as rules
from kaeshi.steps import spending, training


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    row = {
        "messages": [
            {"role": "user", "content": "when are you open"},
            {"role": "assistant", "content": "from nine to five"},
        ]
    }
    path.write_text("".join(json.dumps(row) + "\n" for _ in range(12)))
    return path


@pytest.fixture
def paid(loop: Loop) -> Loop:
    """A provider that costs money, and whose lists may be late."""
    return replace(loop, trainer=FakeTrainer(embedded=False))


def provider(loop: Loop) -> FakeTrainer:
    assert isinstance(loop.trainer, FakeTrainer)
    return loop.trainer


async def begin(loop: Loop, rows: Path, epochs: int = 3) -> TrainingRun:
    return await training.start(loop, await training.upload(loop, rows), "gpt-4o-mini", "x", epochs)


def capped(loop: Loop, **caps: object) -> Loop:
    return replace(loop, settings=loop.settings.model_copy(update=caps))


async def test_a_lost_answer_is_adopted_even_where_metadata_is_dropped(
    paid: Loop, rows: Path
) -> None:
    provider(paid).lose_answer_of, provider(paid).drops_metadata = "create", True
    with pytest.raises(ProviderUnknown):
        await begin(paid, rows)
    assert (await begin(paid, rows)).state == "created"
    assert len(provider(paid).jobs_made) == 1


async def test_a_lost_request_is_repeated_once_after_the_lag_and_then_left_to_a_person(
    paid: Loop, rows: Path, clock: FakeClock
) -> None:
    provider(paid).never_arrives = True
    with pytest.raises(ProviderUnknown):
        await begin(paid, rows)
    for minutes, asked in ((10, 1), (25, 2), (10, 2), (25, 2), (60, 2)):
        clock.advance(minutes=minutes)
        (run,) = await training.resume(paid)
        assert provider(paid).calls.count("create") == asked
    assert run.state == "unknown"
    assert "training decide" in (run.error or "")
    with pytest.raises(ProviderUnknown, match="training decide"):
        await begin(paid, rows)


@pytest.mark.parametrize("how", ["job", "again", "given up"])
async def test_a_person_decides_what_nobody_knows(
    paid: Loop, rows: Path, clock: FakeClock, how: str
) -> None:
    provider(paid).never_arrives = True
    with pytest.raises(ProviderUnknown):
        await begin(paid, rows)
    for _ in range(2):
        clock.advance(minutes=31)
        (run,) = await training.resume(paid)
    provider(paid).never_arrives = False
    decided = await training.decide(
        paid, run, job="job-7" if how == "job" else None, again=how == "again"
    )
    assert decided.state == {"job": "created", "again": "intent", "given up": "cancelled"}[how]
    if how == "again":
        assert [r.state for r in await training.resume(paid)] == ["created"]
    with pytest.raises(Conflict):
        await training.decide(paid, await training.find(paid, run.id), again=True)


async def test_of_two_schedulers_one_asks(paid: Loop, rows: Path) -> None:
    provider(paid).never_arrives = True
    with pytest.raises(ProviderUnknown):
        await begin(paid, rows)
    (run,) = await training.history(paid)
    async with paid.store.write() as tx:
        assert [await tx.training.claim_ask(run, paid.clock.now()) for _ in range(2)] == [
            True,
            False,
        ]


async def test_a_plain_refusal_ends_the_run_frees_its_money_and_may_be_tried_again(
    paid: Loop, rows: Path
) -> None:
    provider(paid).fail = "create"
    with pytest.raises(ProviderError):
        await begin(paid, rows)
    assert (await spending.money(paid))["committed_usd"] == "0.00"
    provider(paid).fail = ""
    assert (await begin(paid, rows)).attempt == 2


async def test_money_is_reserved_before_and_booked_after(paid: Loop, rows: Path) -> None:
    own = capped(paid, training_price_per_million_usd=Decimal(1_000_000))
    with pytest.raises(Refused, match="TRAINING_CAP_RUN_USD"):
        await begin(own, rows)
    roomy = capped(own, training_cap_run_usd=Decimal(1000), training_cap_month_usd=Decimal(1000))
    provider(roomy).trained_tokens = 333
    run = await begin(roomy, rows)
    assert run.reserved_usd == 12 * (8 + 3 + 2 * 3) * 3
    with pytest.raises(Refused, match="TRAINING_CAP_MONTH_USD"):
        await begin(roomy, rows, epochs=2)
    assert (await training.look(roomy, run)).booked_usd == 333
    assert (await begin(roomy, rows, epochs=1)).reserved_usd == 204


async def test_the_best_checkpoint_becomes_the_candidate_not_the_last(
    paid: Loop, rows: Path
) -> None:
    run = await begin(paid, rows)
    losses = {1: 0.9, 2: 0.4, 3: 0.6}
    provider(paid).saved[run.job_id or ""] = [
        {
            "fine_tuned_model_checkpoint": f"ft:{step}",
            "step_number": step,
            "metrics": {"full_valid_loss": loss},
        }
        for step, loss in losses.items()
    ]
    assert (await training.look(paid, run)).model == "ft:2"


@pytest.mark.parametrize(("days", "uploads"), [(20, 1), (30, 2)])
async def test_a_file_that_expired_at_the_provider_is_uploaded_again(
    paid: Loop, rows: Path, clock: FakeClock, days: int, uploads: int
) -> None:
    await training.upload(paid, rows)
    clock.advance(days=days)
    await training.upload(paid, rows)
    assert provider(paid).calls.count("upload") == uploads


@pytest.mark.parametrize(
    ("job", "mine"),
    [
        (lambda run: {"metadata": {"kaeshi_key": run.key}}, True),
        (
            lambda run: {
                "metadata": {"kaeshi_key": "other"},
                "training_file": run.file_id,
                "seed": run.seed,
            },
            False,
        ),
        (lambda run: {"training_file": run.file_id, "seed": run.seed}, True),
        (lambda run: {"training_file": run.file_id, "seed": 1}, False),
        (lambda run: {"training_file": run.file_id, "model": run.base_model}, True),
        (lambda run: {"training_file": "file-9", "seed": run.seed}, False),
    ],
)
async def test_whose_job_it_is(
    paid: Loop, rows: Path, job: Callable[[TrainingRun], dict[str, object]], mine: bool
) -> None:
    run = await begin(paid, rows)
    assert rules.belongs(job(run), run) is mine


async def test_a_base_that_dies_before_it_pays_is_not_trained_on(
    paid: Loop, rows: Path, clock: FakeClock
) -> None:
    clock.time = datetime(2026, 12, 20, 12, tzinfo=UTC)
    with pytest.raises(Refused, match=r"2027-01-14 \(25 days"):
        await begin(paid, rows)
    assert provider(paid).calls.count("create") == 0
    assert (await begin(capped(paid, training_payback_days=20), rows)).state == "created"
    clock.time = datetime(2027, 1, 7, 12, tzinfo=UTC)
    with pytest.raises(Refused, match="no jobs after 2027-01-06"):
        await begin(capped(paid, training_payback_days=0), rows, epochs=2)


@pytest.mark.parametrize(
    ("days", "level"), [(91, None), (90, 90), (31, 90), (30, 30), (7, 7), (0, 7), (-1, 0)]
)
async def test_a_model_in_use_is_warned_about_in_time(
    paid: Loop, clock: FakeClock, days: int, level: int | None
) -> None:
    clock.time = datetime(2027, 1, 14, 12, tzinfo=UTC) - timedelta(days=days)
    assert [s.level for s in await spending.retiring(paid)] == ([] if level is None else [level])


async def test_the_providers_own_word_goes_before_the_table(paid: Loop, clock: FakeClock) -> None:
    provider(paid).known = [{"id": "gpt-4o-mini", "shutdown_date": "2025-12-01"}]
    (found,) = await spending.retiring(paid)
    assert (str(found.shutdown), found.source, found.days_left) == (
        "2025-12-01",
        "the provider",
        28,
    )


def test_a_newer_table_is_used_and_an_older_or_broken_one_is_refused(tmp_path: Path) -> None:
    table = {
        "date": "2030-01-01",
        "source": "us",
        "models": {"gpt-4o-mini": {"training_per_million_usd": "9"}},
    }
    path = tmp_path / "t.json"
    path.write_text(json.dumps(table))
    assert dated.update(path, tmp_path)[0] == "prices"
    assert dated.table("prices", tmp_path)["source"] == "us"
    for bad in (
        {"date": "2029-01-01"},
        {"date": "soon"},
        {"models": {"a": {"training_per_million_usd": "cheap"}}},
        {"models": []},
    ):
        path.write_text(json.dumps(table | bad))
        with pytest.raises(InvalidInput):
            dated.update(path, tmp_path)
    assert dated.table("prices", tmp_path)["date"] == "2030-01-01"


async def test_what_is_held_out_and_how_it_is_trained_are_part_of_the_work(
    paid: Loop, rows: Path, tmp_path: Path
) -> None:
    held = tmp_path / "held.jsonl"
    held.write_text(rows.read_text() + rows.read_text())
    file, validation = await training.upload(paid, rows), await training.upload(paid, held)
    plain = await training.start(paid, file, "gpt-4o-mini", "x", 3)
    judged = await training.start(paid, file, "gpt-4o-mini", "x", 3, validation_file_id=validation)
    again = await training.start(paid, file, "gpt-4o-mini", "x", 3, validation_file_id=validation)
    assert plain.id != judged.id == again.id
    jobs = list(provider(paid).jobs_made.values())
    assert [(job["validation_file"], job["method"]["type"]) for job in jobs] == [
        (None, "supervised"),
        (validation, "supervised"),
    ]
    with pytest.raises(NotFound, match="upload it first"):
        await training.start(paid, file, "gpt-4o-mini", "x", 3, validation_file_id="file-99")


async def test_preferences_are_counted_and_asked_for_as_dpo(paid: Loop, tmp_path: Path) -> None:
    row = {
        "input": {"messages": [{"role": "user", "content": "when are you open"}]},
        "preferred_output": [{"role": "assistant", "content": "from nine to five"}],
        "non_preferred_output": [{"role": "assistant", "content": "often"}],
    }
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for _ in range(12)))
    with pytest.raises(InvalidInput, match="line 1: no list of messages"):
        await training.upload(paid, path)
    run = await training.start(
        paid, await training.upload(paid, path, "dpo"), "gpt-4o-mini", "x", 1, method="dpo"
    )
    assert (run.method, next(iter(provider(paid).jobs_made.values()))["method"]) == (
        "dpo",
        {"type": "dpo"},
    )
    path.write_text(json.dumps(row | {"preferred_output": []}))
    with pytest.raises(
        InvalidInput, match=r"line 1: no input\.messages, preferred_output and non_preferred_output"
    ):
        await training.upload(paid, path, "dpo")


async def test_losses_are_kept_and_each_is_kept_once(
    paid: Loop, rows: Path, clock: FakeClock
) -> None:
    run = await begin(paid, rows)
    assert run.job_id is not None
    told = [
        TrainingEvent(
            id=f"e{i}",
            at=clock.now(),
            message=f"Step {i}",
            figures={"step": i, "train_loss": 1 / i},
        )
        for i in range(1, 13)
    ]
    provider(paid).said[run.job_id] = told[:1]
    job = provider(paid).jobs_made[run.job_id]
    job["status"] = "running"
    await training.look(paid, run)
    provider(paid).said[run.job_id] = told
    job["status"] = "succeeded"
    assert (await training.look(paid, run)).state == "succeeded"
    assert await training.events(paid, run) == told
