"""Langfuse's exports: traces with observations and scores, or rows of observations.

https://langfuse.com/docs/api. The traces of a session are one conversation. Scores that people gave
become feedback; those of evaluators (`source` EVAL) do not: they are no customer's opinion.
"""

import json
from collections.abc import Iterator
from typing import Any

from kaeshi.formats.logs.shape import Format, Json, Log, Piece, Pieces, Rating
from kaeshi.formats.logs.words import extended, messages_of, moment, seconds_of

GENERATION = "GENERATION"
STARS = 5
GOOD = frozenset({"up", "good", "positive", "thumbs up", "thumbs_up", "like", "true", "yes", "1"})
BAD = frozenset({"down", "bad", "negative", "thumbs down", "thumbs_down", "dislike", "false", "no"})
RATED = ("rating", "star", "csat", "satisfaction")


def _either(record: Json, *names: str) -> Any:
    for name in names:
        value = record.get(name)
        if value is not None and value != "":
            return value
    return None


def _recognises(record: Json) -> bool:
    if isinstance(record.get("observations"), list) or "traceId" in record or "trace_id" in record:
        return "spanId" not in record and "resourceSpans" not in record
    return ("input" in record and "output" in record) and (
        "sessionId" in record or "session_id" in record or "scores" in record
    )


def _pieces(record: Json) -> Iterator[Piece]:
    kind = record.get("type")
    if kind is not None and str(kind).upper() != GENERATION:
        return  # spans and events say nothing to a customer
    name = _either(record, "sessionId", "session_id", "traceId", "trace_id", "id")
    at = moment(_either(record, "timestamp", "startTime", "start_time", "createdAt"))
    if name is not None:
        yield Piece(str(name), seconds_of(at), record)


def _together(conversation: str, traces: Pieces) -> Log:
    messages: list[Json] = []
    ratings: list[Rating] = []
    for trace in traces:
        sent, answer = _said_in(trace)
        messages = extended(messages, sent, answer)
        said = filter(None, map(_rating, _scores(trace)))
        ratings += [Rating(len(messages) - 1, each) for each in said]
    customer = next(filter(None, (_either(t, "userId", "user_id") for t in traces)), None)
    record: Json = {"conversation_id": conversation, "messages": messages, "source": "langfuse"}
    if customer is not None:
        record["customer_id"] = str(customer)
    return Log(record, ratings)


def _said_in(trace: Json) -> tuple[list[Json], list[Json]]:
    """(what was sent, the answer): the trace's own, else of its generations in order."""
    sent = messages_of(_opened(trace.get("input")), "user")
    answer = messages_of(_opened(trace.get("output")), "assistant")[-1:]
    at = moment(_either(trace, "timestamp", "startTime", "start_time"))
    last = _last_generation(trace)
    if last is not None:
        sent = sent or messages_of(_opened(last.get("input")), "user")
        answer = answer or messages_of(_opened(last.get("output")), "assistant")[-1:]
    model = (last or trace).get("model")
    began = [{"at": at, **message} for message in sent]
    said = [{"at": at, "model": model, **message} for message in answer]
    return began, [{k: v for k, v in message.items() if v is not None} for message in said]


def _last_generation(trace: Json) -> Json | None:
    generations = [
        each
        for each in trace.get("observations") or ()
        if isinstance(each, dict) and str(each.get("type", GENERATION)).upper() == GENERATION
    ]
    return max(generations, key=lambda each: str(each.get("startTime") or ""), default=None)


def _opened(said: Any) -> Any:
    """Tables hold JSON as text."""
    if isinstance(said, str) and said[:1] in {"{", "["}:
        try:
            return json.loads(said)
        except ValueError:
            return said
    return said


def _scores(trace: Json) -> list[Json]:
    found = list(trace.get("scores") or ())
    for each in trace.get("observations") or ():
        found += each.get("scores") or () if isinstance(each, dict) else ()
    return [score for score in found if isinstance(score, dict)]


def _rating(score: Json) -> Json:
    """What a person said by a score; empty where it is no opinion of a person."""
    if str(score.get("source", "")).upper() == "EVAL":
        return {}
    said: Json = {}
    value = _either(score, "stringValue", "string_value")
    if value is None:
        value = score.get("value")
    name = str(score.get("name", "")).lower()
    word = str(value).strip().lower()
    if any(rated in name for rated in RATED) and _is_stars(value):
        said["rating"] = int(value)
    elif word in GOOD or value == 1:
        said["vote"] = "up"
    elif word in BAD or value == 0:
        said["vote"] = "down"
    if isinstance(score.get("comment"), str) and score["comment"]:
        said["comment"] = score["comment"]
    return said


def _is_stars(value: object) -> bool:
    return isinstance(value, int | float) and 1 <= value <= STARS and value == int(value)


FORMAT = Format(
    name="langfuse",
    recognises=_recognises,
    pieces=_pieces,
    together=_together,
    lists=("traces", "observations"),
)
