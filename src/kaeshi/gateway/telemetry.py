"""Counters for Prometheus, and OpenTelemetry spans.

Each process has its counters. Spans are made by the worker from the log, so they cost customers no
time; they go where the deployment's OpenTelemetry sends them (`opentelemetry-instrument kaeshi
serve`), and without its packages there are none.
"""

from collections.abc import Iterable
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from kaeshi.gateway.record import Record
from kaeshi.nouns import Arm, Exchange

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40)


class Metrics:
    """One process's counters.

    The label `process` separates it from others behind the same port.
    """

    def __init__(self, process: str) -> None:
        self._registry = CollectorRegistry()
        self._process = process
        about: dict[str, Any] = {
            "registry": self._registry,
            "labelnames": ("process", "assistant", "arm"),
        }
        self._requests = Counter(
            "kaeshi_requests",
            "Requests answered.",
            **about | {"labelnames": (*about["labelnames"], "status")},
        )
        self._failed = Counter(
            "kaeshi_failed_requests", "Requests that the assigned arm did not answer.", **about
        )
        self._seconds = Histogram(
            "kaeshi_request_seconds", "Time to the whole answer.", buckets=SECONDS, **about
        )
        self._first = Histogram(
            "kaeshi_first_piece_seconds",
            "Time to the first piece of a stream.",
            buckets=SECONDS,
            **about,
        )
        self._dropped = Counter(
            "kaeshi_unlogged_requests", "Requests that could not be logged.", **about
        )
        self._passed = Counter(
            "kaeshi_passed_requests",
            "Requests passed to the provider outside of experiments.",
            registry=self._registry,
            labelnames=("process", "path", "status"),
        )
        self._unread = Counter(
            "kaeshi_unread_answers", "Answers in a dialect that could not be read.", **about
        )
        self._known: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._by_status: dict[tuple[str, str, int], Any] = {}

    def add(self, assistant: str, record: Record, *, logged: bool) -> None:
        """Count a request."""
        arm = record.arm or "production"
        place = self._known.get((assistant, arm))
        if place is None:  # labels are looked up once: a lookup costs more than counting
            labels = (self._process, assistant, arm)
            place = self._known[assistant, arm] = self._labelled(labels)
        failed, seconds, first, dropped = place
        count = self._by_status.get((assistant, arm, record.status))
        if count is None:
            count = self._by_status[assistant, arm, record.status] = self._requests.labels(
                self._process, assistant, arm, str(record.status)
            )
        count.inc()
        seconds.observe(record.latency_ms / 1000)
        if record.first_token_ms is not None:
            first.observe(record.first_token_ms / 1000)
        if record.failed:
            failed.inc()
        if not logged:
            dropped.inc()

    def add_passed(self, path: str, status: int) -> None:
        """Count a request that was passed on, by the first part of its path."""
        first = path.split("/", 2)[1] if path.startswith("/") else path
        self._passed.labels(self._process, first[:40], str(status)).inc()

    def add_unread(self, assistant: str, arm: str) -> None:
        """Count an answer that could not be read."""
        self._unread.labels(self._process, assistant, arm).inc()

    def _labelled(self, labels: tuple[str, str, str]) -> tuple[Any, ...]:
        return tuple(
            m.labels(*labels) for m in (self._failed, self._seconds, self._first, self._dropped)
        )

    def page(self) -> bytes:
        """The counters in Prometheus' text format."""
        return generate_latest(self._registry)


def trace(exchanges: Iterable[Exchange]) -> None:
    """A span for each exchange, of its duration, without message text."""
    try:
        from opentelemetry import trace as api
    except ModuleNotFoundError:
        return
    tracer = api.get_tracer("kaeshi.gateway")
    for e in exchanges:
        _span(e, tracer, api)


def _span(e: Exchange, tracer: "Tracer", api: ModuleType) -> None:
    arm, experiment = (e.assignment.arm, e.assignment.experiment) if e.assignment else (None, None)
    attributes = _attributes_of(e, arm, experiment)
    began = e.at
    ended = began + timedelta(milliseconds=e.latency_ms or 0)
    span = tracer.start_span(
        f"chat {e.model or ''}".strip(),
        kind=api.SpanKind.SERVER,
        start_time=int(began.timestamp() * 1e9),
        attributes={name: value for name, value in attributes.items() if value is not None},
    )
    if e.failed:
        span.set_status(api.StatusCode.ERROR)
    span.end(int(ended.timestamp() * 1e9))


def _attributes_of(e: Exchange, arm: Arm | None, experiment: str | None) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.conversation.id": e.conversation,
        "gen_ai.response.id": e.id,
        "gen_ai.response.model": e.model,
        "gen_ai.response.finish_reasons": (e.finish_reason,) if e.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": None
        if e.first_token_ms is None
        else e.first_token_ms / 1000,
        "gen_ai.usage.input_tokens": e.prompt_tokens,
        "gen_ai.usage.output_tokens": e.completion_tokens,
        "gen_ai.request.stream": e.streamed,
        "http.response.status_code": e.status,
        "kaeshi.assistant": e.assistant,
        "kaeshi.arm": arm,
        "kaeshi.experiment": experiment,
        "error.type": "assigned_arm_failed" if e.failed else None,
    }
