"""Searching for a prompt by reflection, with the library GEPA (Agrawal et al. 2025)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kaeshi.errors import MissingExtra
from kaeshi.ports import Trace, Tried

NAME = "instructions"
STATE = "gepa_state.bin"
log = logging.getLogger("kaeshi.prompts")


class GepaSearch:
    """A PromptSearch: reflective mutation, and a Pareto front over held-out cases."""

    def search(
        self,
        first: str,
        *,
        learned: int,
        held: int,
        judge: Callable[[str, Sequence[int]], Sequence[Trace]],
        propose: Callable[[str, Sequence[Trace]], str],
        calls: int,
        batch: int,
        seed: int,
        folder: Path,
    ) -> list[Tried]:
        """Search, taking up what lies in `folder`. Raises MissingExtra without the library."""
        try:
            from gepa.api import optimize
        except ImportError as error:
            msg = "searching for a prompt needs the library gepa: pip install 'kaeshi[prompts]'"
            raise MissingExtra(msg) from error
        _drop_half_written(folder / STATE)
        adapter: Any = _Adapter(judge, propose, calls)
        found: Any = optimize(
            seed_candidate={NAME: first},
            trainset=list(range(learned)),
            valset=list(range(learned, learned + held)),
            adapter=adapter,
            reflection_minibatch_size=batch,
            max_metric_calls=calls,
            stop_callbacks=adapter.is_over,
            cache_evaluation=True,
            run_dir=str(folder),
            logger=_Logger(),
            seed=seed,
            raise_on_exception=True,
            track_best_outputs=False,
        )
        if adapter.error is not None:
            raise adapter.error
        return [
            Tried(candidate[NAME], tuple(float(scores[k]) for k in sorted(scores)))
            for candidate, scores in zip(found.candidates, found.val_subscores, strict=True)
        ]


def _drop_half_written(state: Path) -> None:
    """Remove a state that was cut off, as a power cut may leave one: the search begins again.

    GEPA writes it in Python's object format, whose last byte is a full stop.
    """
    if state.is_file() and not state.read_bytes().endswith(b"."):
        log.warning("the state %s is cut off, and the search begins again", state)
        state.unlink()


class _Adapter:
    """What GEPA asks for: numbers of cases in, scores and traces out."""

    def __init__(
        self,
        judge: Callable[[str, Sequence[int]], Sequence[Trace]],
        propose: Callable[[str, Sequence[Trace]], str],
        most: int,
    ) -> None:
        self._judge = judge
        self._propose = propose
        self._left = most
        # GEPA goes on after a proposal that raised, for ever where each does
        self.error: Exception | None = None

    def is_over(self, _state: object) -> bool:
        """Whether another round would show nothing."""
        return self.error is not None or self._left <= 0

    def evaluate(
        self, batch: list[int], candidate: dict[str, str], capture_traces: bool = False
    ) -> Any:
        from gepa.core.adapter import EvaluationBatch

        traces = self._judge(candidate[NAME], batch)
        return EvaluationBatch(
            outputs=[trace.said for trace in traces],
            scores=[trace.score for trace in traces],
            trajectories=list(traces) if capture_traces else None,
        )

    def make_reflective_dataset(
        self, _candidate: dict[str, str], evaluated: Any, components: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        return {name: [{"trace": trace} for trace in evaluated.trajectories] for name in components}

    def propose_new_texts(
        self,
        candidate: dict[str, str],
        dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components: list[str],
    ) -> dict[str, str]:
        self._left -= 1
        try:
            return {
                name: self._propose(candidate[name], [row["trace"] for row in dataset[name]])
                for name in components
            }
        except Exception as error:  # whatever it is, the search raises it at its end
            self.error = error
            raise


class _Logger:
    """GEPA's progress, for those who look."""

    def log(self, message: str) -> None:
        log.debug("%s", message)
