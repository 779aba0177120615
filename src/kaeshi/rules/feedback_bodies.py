"""Feedback in the bodies that applications send: kaeshi's, TensorZero's and Langfuse's.

One metric each, named by its catalogue, so that a typo is refused instead of counted nowhere.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Feedback
from kaeshi.nouns.metric import Metric
from kaeshi.nouns.value import Value
from kaeshi.rules.feedback import parse
from kaeshi.rules.moments import moment_of

Target = Literal["message_id", "conversation_id", "response_id"]
TARGETS: tuple[Target, ...] = ("message_id", "conversation_id", "response_id")
SOURCES = ("customer", "agent", "evaluator", "system")
# every name that a metric is sent under
METRICS: Mapping[str, str] = {
    "vote": "vote",
    "thumbs": "vote",
    "thumbs_up": "vote",
    "rating": "rating",
    "stars": "rating",
    "csat": "rating",
    "helpful": "helpful",
    "accurate": "accurate",
    "correct": "accurate",
    "comment": "comment",
    "correction": "correction",
    "demonstration": "correction",
}
LARGEST = float(2**53)  # of an outcome's numbers
_UP = (True, 1, "1", "up", "true")
_DOWN = (False, 0, -1, "0", "-1", "down", "false")
_FIELDS = "target name value comment correction source author idempotency_key occurred_at metadata"
_OURS = frozenset(_FIELDS.split())


class Told(Value):
    """One piece of feedback, and what it is about. `feedback.message_id` is the target's name."""

    target: Target
    feedback: Feedback


def own(body: Mapping[str, Any]) -> Told:
    """{target: {message_id | conversation_id | response_id}, name, value, ...}.

    Raises InvalidInput with the field and the value.
    """
    _check_fields(body)
    target, about = _target(body.get("target"))
    return _told(
        target,
        about,
        _said(body),
        author=_author(body),
        at=moment_of("occurred_at", body.get("occurred_at")),
        key=body.get("idempotency_key"),
    )


def declared(body: Mapping[str, Any], metrics: Mapping[str, Metric]) -> dict[str, bool | float]:
    """The outcome that a body reports under a declared name; empty for any other name.

    Names that are built in cannot be declared otherwise. Raises InvalidInput for a value that the
    declaration does not allow.
    """
    name = body.get("name")
    if not isinstance(name, str) or name not in metrics or name.lower() in METRICS:
        return {}
    return {name: _measured(name, metrics[name], body.get("value"))}


def _measured(name: str, metric: Metric, value: object) -> bool | float:
    """The value of a declared metric."""
    if metric.type == "boolean" and isinstance(value, bool):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if metric.type == "float" and is_number and _is_within(metric, float(str(value))):
        return float(str(value))
    wanted = "true or false" if metric.type == "boolean" else _range(metric)
    msg = f"metric {name!r} is {str(value)[:40]!r}, which is not {wanted}"
    raise InvalidInput(msg)


def _is_within(metric: Metric, value: float) -> bool:
    least = -LARGEST if metric.least is None else metric.least
    most = LARGEST if metric.most is None else metric.most
    return least <= value <= most


def _range(metric: Metric) -> str:
    low = "" if metric.least is None else f" from {metric.least:g}"
    high = "" if metric.most is None else f" up to {metric.most:g}"
    return f"a number{low}{high}"


def about(body: Mapping[str, Any]) -> tuple[tuple[Target, str], datetime | None]:
    """What a declared metric is about, and when it was measured.

    Raises InvalidInput with the field and the value.
    """
    _check_fields(body)
    target, name = _target(body.get("target"))
    for words in ("comment", "correction"):
        if body.get(words) is not None:
            msg = f"{words} goes with a built-in metric, not with {body.get('name')!r}"
            raise InvalidInput(msg)
    if not isinstance(name, str) or not name:
        msg = f"{target} {name!r} is not a text"
        raise InvalidInput(msg)
    return (target, name), moment_of("occurred_at", body.get("occurred_at"))


def _check_fields(body: Mapping[str, Any]) -> None:
    unknown = sorted(set(body) - _OURS)
    if unknown:
        msg = f"feedback has no field {unknown[0]!r}; use {', '.join(sorted(_OURS))}"
        raise InvalidInput(msg)


def _target(said: object) -> tuple[Target, object]:
    named = [name for name in TARGETS if isinstance(said, Mapping) and said.get(name)]
    if not isinstance(said, Mapping) or len(named) != 1 or len(said) != 1:
        msg = f"target {said!r} must be an object with one of {', '.join(TARGETS)}"
        raise InvalidInput(msg)
    return named[0], said[named[0]]


def _author(body: Mapping[str, Any]) -> object:
    """Who gave it; without a name an agent, an evaluator or a system is known by its kind."""
    source = body.get("source", "customer")
    if source not in SOURCES:
        msg = f"source {source!r} is none of {', '.join(SOURCES)}"
        raise InvalidInput(msg)
    return body.get("author") or ("" if source == "customer" else source)


def tensorzero(body: Mapping[str, Any]) -> Told:
    """TensorZero's POST /feedback: metric_name, value, and inference_id or episode_id."""
    about = [name for name in ("inference_id", "episode_id") if body.get(name)]
    if len(about) != 1:
        msg = "feedback needs one of inference_id and episode_id"
        raise InvalidInput(msg)
    target: Target = "response_id" if about[0] == "inference_id" else "conversation_id"
    tags = body.get("tags")
    author = tags.get("author", "") if isinstance(tags, Mapping) else ""
    said = _said({"name": body.get("metric_name"), "value": body.get("value")})
    return _told(target, body[about[0]], said, author=author)


def langfuse(body: Mapping[str, Any]) -> Told:
    """Langfuse's POST /api/public/scores: name, value, comment, and observationId or traceId.

    The score's own `id` makes repeating it safe, as there.
    """
    target: Target = "response_id" if body.get("observationId") else "conversation_id"
    about = body.get("observationId") or body.get("traceId") or body.get("sessionId")
    return _told(target, about, _said(body), author="", key=body.get("id"))


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    """The feedback's fields by the seed's names."""
    name = body.get("name")
    if not isinstance(name, str) or name.lower() not in METRICS:
        msg = f"metric {name!r} is none of {', '.join(sorted(METRICS))}"
        raise InvalidInput(msg)
    metric = METRICS[name.lower()]
    said = {metric: _value(metric, body.get("value"))}
    for words in ("comment", "correction"):
        if body.get(words) is not None:
            said[words] = body[words]
    return said


def _value(metric: str, value: object) -> object:
    """The value by the seed's types; what is none is refused by rules/feedback.py."""
    if metric == "vote":
        if value in _UP:
            return "up"
        return "down" if value in _DOWN else value
    if metric in {"helpful", "accurate"} and isinstance(value, int | float) and value in {0, 1}:
        return bool(value)
    return value


def _told(
    target: Target,
    about: object,
    said: Mapping[str, Any],
    *,
    author: object,
    at: datetime | None = None,
    key: object = None,
) -> Told:
    if not isinstance(author, str):
        msg = f"author must be a text, not {type(author).__name__}"
        raise InvalidInput(msg)
    if key is not None and (not isinstance(key, str) or not 0 < len(key) <= 200):
        msg = "an idempotency key must be a text of 1 to 200 characters"
        raise InvalidInput(msg)
    found = parse(about, said, author=author, at=at)
    return Told(target=target, feedback=found.model_copy(update={"key": key or ""}))
