"""`get_deployment_manager()`: the seed's four calls on rollouts."""

from collections.abc import Sequence
from typing import Any

from kaeshi.app import Target, open_loop
from kaeshi.errors import InvalidInput
from kaeshi.nouns import Comparison
from kaeshi.steps import rollout as steps

SEED_METRICS = ("containment", "conversion", "satisfaction")


class DeploymentManager:
    """Mirrors a candidate, gives it a share of customers, and promotes it by evidence."""

    async def deploy_shadow(
        self,
        model_id: str,
        traffic_percent: float | None = None,
        duration_hours: float | None = None,
        db: Target = None,
    ) -> str:
        """Mirror a trained model for `duration_hours`, then canary it at `traffic_percent`.

        Returns the rollout's id. Raises NotFound for a model that is neither trained nor
        registered, Refused for one that does not answer, Conflict while another is under way.
        """
        async with open_loop(db) as loop:
            percent = (
                loop.settings.shadow_traffic_percent if traffic_percent is None else traffic_percent
            )
            hours = (
                loop.settings.shadow_duration_hours if duration_hours is None else duration_hours
            )
            await steps.ask_once(loop, model_id)
            return (
                await steps.begin(loop, model_id, percent=percent, hours=hours, by="deploy_shadow")
            ).id

    async def compare_models(
        self,
        shadow_id: str,
        production_id: str = "current_prod",
        metrics: Sequence[str] = SEED_METRICS,
        db: Target = None,
    ) -> dict[str, Any]:
        """Both arms on these metrics.

        `shadow_better` is True only if the evidence shows it.
        """
        if production_id != "current_prod":
            msg = (
                f"production {production_id!r}: a candidate is compared with production, "
                "'current_prod'"
            )
            raise InvalidInput(msg)
        async with open_loop(db) as loop:
            found = await steps.compare(loop, shadow_id, metrics)
        return _as_dict(found)

    async def promote_to_production(
        self, shadow_id: str, rollout_strategy: str = "gradual", db: Target = None
    ) -> dict[str, Any]:
        """Advance one stage (gradual) or to full (immediate), if the evidence allows it.

        Raises Refused or Conflict.
        """
        async with open_loop(db) as loop:
            moved = await steps.promote(
                loop, shadow_id, strategy=rollout_strategy, by="promote_to_production"
            )
        return {"shadow_id": moved.id, "state": moved.state, "traffic_percent": moved.percent}

    async def rollback(self, shadow_id: str, reason: str = "", db: Target = None) -> dict[str, Any]:
        """End the rollout; production does not change."""
        async with open_loop(db) as loop:
            moved = await steps.roll_back(loop, shadow_id, reason=reason, by="rollback")
        return {"shadow_id": moved.id, "state": moved.state, "traffic_percent": moved.percent}


def _as_dict(found: "Comparison") -> dict[str, Any]:
    metrics = _metrics_of(found)
    return {
        "shadow_better": found.candidate_better,
        "shadow_worse": found.candidate_worse,
        "decision": "promote"
        if found.candidate_better
        else "roll_back"
        if found.candidate_worse
        else "hold",
        "composite": found.composite.model_dump() if found.composite else None,
        "metrics": metrics,
        "why": found.why,
    }


def _metrics_of(found: "Comparison") -> dict[str, Any]:
    return {
        row.metric: {
            "production": row.production.total / row.production.count
            if row.production.count
            else None,
            "shadow": row.candidate.total / row.candidate.count if row.candidate.count else None,
            "difference": row.difference.model_dump() if row.difference else None,
            "conversations": {"production": row.production.count, "shadow": row.candidate.count},
        }
        for row in found.metrics
    }
