"""The seed's complete flow on the embedded trainer, with its real models."""

from pathlib import Path

import pytest

from kaeshi import log_conversations
from kaeshi.app import open_loop, using
from kaeshi.errors import Conflict, KaeshiError, Refused
from kaeshi.ml import (
    get_dataset_builder,
    get_deployment_manager,
    get_feedback_processor,
    get_fine_tuner,
)
from samples import GOOD, different, record


async def test_from_conversations_to_a_rolled_back_candidate(tmp_path: Path) -> None:
    async with open_loop() as loop:
        with using(loop):
            await log_conversations(None, [record(f"c{i:03d}", *different(i)) for i in range(220)])
            processor = get_feedback_processor()
            for i in range(220):
                assert (await processor.process_feedback(None, f"c{i:03d}#1", GOOD))[
                    "promoted_to_training"
                ]
            builder = get_dataset_builder()
            builder.export_jsonl(
                await builder.build_dataset(None, max_samples=210), "training_data.jsonl"
            )
            assert builder.validate_format("training_data.jsonl") == (True, [])
            tuner = get_fine_tuner()
            assert (await tuner.estimate_cost("training_data.jsonl", "gpt-4o-mini"))[
                "tokens"
            ] > 210 * 10
            file_id = await tuner.upload_training_file("training_data.jsonl")
            job = await tuner.create_fine_tune(
                file_id, model="gpt-4o-mini", suffix="t", hyperparameters={"n_epochs": 2}
            )
            assert (
                await tuner.create_fine_tune(
                    file_id, model="gpt-4o-mini", suffix="t", hyperparameters={"n_epochs": 2}
                )
                == job
            )
            model = (await tuner.monitor_fine_tune(job))["fine_tuned_model"]
            assert [j["model"] for j in await tuner.list_jobs()] == [model]
            deployment = get_deployment_manager()
            shadow = await deployment.deploy_shadow(model, traffic_percent=10.0, duration_hours=24)
            assert (await deployment.compare_models(shadow, "current_prod"))[
                "shadow_better"
            ] is False
            with pytest.raises(Refused):
                await deployment.promote_to_production(shadow)
            assert (await deployment.rollback(shadow, reason="Lower containment rate"))[
                "state"
            ] == "rolled_back"
            with pytest.raises(Conflict):
                await deployment.promote_to_production(shadow)
    assert (tmp_path / "kaeshi-data" / "kaeshi.db").exists()


async def test_bad_hyperparameters_are_named() -> None:
    with pytest.raises(KaeshiError, match="n_epochs"):
        await get_fine_tuner().create_fine_tune("file", hyperparameters={"n_epochs": 0})
