"""Spans of GenAI calls: OpenTelemetry's OTLP JSON, and Phoenix's exports.

https://opentelemetry.io/docs/specs/semconv/gen-ai/ (`gen_ai.*`), OpenLLMetry's numbered attributes,
and OpenInference (`llm.input_messages`). Spans without messages, such as those of tools, are left
out. The spans of a conversation id, a session, or else a trace, are one conversation.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kaeshi.formats.logs.shape import Format, Json, Log, Piece, Pieces
from kaeshi.formats.logs.words import extended, moment, role_of, seconds_of

Names = tuple[str, ...]
CONVERSATION = ("gen_ai.conversation.id", "session.id", "session_id", "thread.id")
CUSTOMER = ("user.id", "enduser.id", "user_id")
MODEL = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
ASKED = ("gen_ai.input.messages", "llm.input_messages", "gen_ai.prompt", "input.value")
ANSWERED = (
    "gen_ai.output.messages",
    "llm.output_messages",
    "gen_ai.completion",
    "output.value",
)
KINDS = frozenset({"user", "system", "assistant", "tool"})
_NUMBERED = re.compile(
    rf"({'|'.join(map(re.escape, (*ASKED, *ANSWERED)))})\.(\d+)\.(?:message\.)?(.+)\Z"
)
OTHER = frozenset({"TOOL", "CHAIN", "RETRIEVER", "EMBEDDING", "RERANKER", "GUARDRAIL", "EVALUATOR"})


def _recognises(record: Json) -> bool:
    if "resourceSpans" in record or "resource_spans" in record:
        return True
    is_span = "spanId" in record or "span_id" in record or "context.span_id" in record
    return is_span or isinstance(record.get("context"), dict)


def _pieces(record: Json) -> Iterator[Piece]:
    for span in _spans(record):
        found = _flat(span)
        if str(found.get("openinference.span.kind", "")).upper() in OTHER:
            continue
        sent, answer = _said_in(span, found)
        if not answer:
            continue
        at = moment(span.get("startTimeUnixNano") or span.get("start_time"))
        said = {
            "sent": sent,
            "answer": answer[-1],
            "at": at,
            "model": _any(found, MODEL),
            "customer": _any(found, CUSTOMER),
        }
        name = _any(found, CONVERSATION) or _trace(span)
        yield Piece(str(name), seconds_of(at), said)


def _any(found: Json, names: Names) -> Any:
    for name in names:
        if value := found.get(name):
            return value
    return None


def _trace(span: Json) -> Any:
    names = ("traceId", "trace_id", "context.trace_id")
    return _any(span, names) or (span.get("context") or {}).get("trace_id")


def _said_in(span: Json, found: Json) -> tuple[list[Json], list[Json]]:
    """(what was sent, what was answered)."""
    numbered = _numbered(found)
    answer = _first(found, numbered, ANSWERED, "assistant")
    return (_first(found, numbered, ASKED, "user"), answer) if answer else _of_events(span)


def _together(conversation: str, calls: Pieces) -> Log:
    messages: list[Json] = []
    for call in calls:
        at = {"at": call["at"]} if call["at"] else {}
        model = {"model": str(call["model"])} if call["model"] else {}
        sent = [{**at, **message} for message in call["sent"]]
        messages = extended(messages, sent, [{**at, **model, **call["answer"]}])
    record: Json = {"conversation_id": conversation, "messages": messages, "source": "otel"}
    customer = next(filter(None, (call["customer"] for call in calls)), None)
    return Log(record | ({"customer_id": str(customer)} if customer else {}))


def _spans(record: Json) -> Iterator[Json]:
    """The spans of a batch; a span is its own."""
    batches = record.get("resourceSpans") or record.get("resource_spans")
    if batches is None:
        yield record
        return
    for batch in batches:
        for scope in batch.get("scopeSpans") or batch.get("scope_spans") or ():
            yield from scope.get("spans") or ()


def _flat(span: Json) -> Json:
    """The attributes by their dotted names, however they are written."""
    given = span.get("attributes")
    found: Json = {}
    if isinstance(given, list):  # OTLP
        found = {each["key"]: _value(each.get("value")) for each in given if "key" in each}
    elif isinstance(given, dict):
        found = _dotted(given)
    for name, value in span.items():  # columns of a table
        if name.startswith("attributes.") and value is not None:
            found[name.removeprefix("attributes.")] = value
    return found


def _dotted(given: Mapping[str, Any], prefix: str = "") -> Json:
    found: Json = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            found |= _dotted(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _value(value: Any) -> Any:
    """An OTLP value: one field says its type."""
    if not isinstance(value, dict):
        return value
    if "arrayValue" in value:
        return [_value(each) for each in value["arrayValue"].get("values") or ()]
    if "kvlistValue" in value:
        return {e["key"]: _value(e.get("value")) for e in value["kvlistValue"].get("values") or ()}
    return next(iter(value.values()), None)


def _first(found: Json, numbered: Mapping[str, list[Json]], names: Names, role: str) -> list[Json]:
    for name in names:
        said = found.get(name)
        if said is None:
            said = numbered.get(name)
        messages = [m for each in _listed(said) if (m := _message(each, role)) is not None]
        if messages:
            return messages
    return []


def _numbered(found: Json) -> dict[str, list[Json]]:
    """`llm.input_messages.0.message.role`, `gen_ai.prompt.0.content` and the like, as lists."""
    places: dict[str, dict[int, Json]] = {}
    for name, value in found.items():
        if match := _NUMBERED.match(name):
            places.setdefault(match[1], {}).setdefault(int(match[2]), {})[match[3]] = value
    return {prefix: [by[n] for n in sorted(by)] for prefix, by in places.items()}


def _listed(said: Any) -> list[Any]:
    if isinstance(said, str):
        if said[:1] in {"[", "{"}:
            try:
                return _listed(json.loads(said))
            except ValueError:
                pass
        return [said] if said else []
    if isinstance(said, dict):
        inner = said.get("messages")
        return inner if isinstance(inner, list) else [said]
    return said if isinstance(said, list) else []


def _message(said: Any, role: str) -> Json | None:
    """An OpenAI message of what a convention calls one."""
    if isinstance(said, str):
        return {"role": role, "content": said}
    if not isinstance(said, dict):
        return None
    said = said.get("message") if isinstance(said.get("message"), dict) else said
    fields = {name.removeprefix("message."): value for name, value in said.items()}
    named = fields.get("role")
    found: Json = {"role": role if named is None else role_of(named)}
    parts = fields.get("parts")
    if isinstance(parts, list):
        return _of_parts(found, parts)
    if fields.get("content") is None:
        return None
    content = fields["content"]
    return {**found, "content": content if isinstance(content, str | list) else str(content)}


def _of_parts(found: Json, parts: list[Any]) -> Json:
    texts = [str(p.get("content", "")) for p in parts if p.get("type") == "text"]
    results = [p for p in parts if p.get("type") == "tool_call_response"]
    if results:
        result = results[0].get("result", results[0].get("response"))
        said = result if isinstance(result, str) else json.dumps(result)
        return {"role": "tool", "tool_call_id": str(results[0].get("id")), "content": said}
    calls = [_call(p, i) for i, p in enumerate(parts) if p.get("type") == "tool_call"]
    return {**found, "content": "\n".join(texts), **({"tool_calls": calls} if calls else {})}


def _call(part: Json, number: int) -> Json:
    given = part.get("arguments")
    arguments = given if isinstance(given, str) else json.dumps(given or {})
    return {
        "id": str(part.get("id") or f"call_{number}"),
        "type": "function",
        "function": {"name": str(part.get("name")), "arguments": arguments},
    }


def _of_events(span: Json) -> tuple[list[Json], list[Json]]:
    """(sent, answered) of a span whose messages are events, as the convention had them first."""
    sent: list[Json] = []
    answered: list[Json] = []
    for event in span.get("events") or ():
        name = str(event.get("name", ""))
        body = event.get("body")
        said = _flat(event) | (body if isinstance(body, dict) else {})
        kind = name.removeprefix("gen_ai.").removesuffix(".message")
        message = _message({"role": kind, **said}, kind) if kind in KINDS else None
        sent += [message] if message else []
        message = _choice(said) if name == "gen_ai.choice" else None
        answered += [message] if message else []
    return sent, answered


def _choice(said: Json) -> Json | None:
    inner = said.get("message", said)
    if isinstance(inner, str) and inner[:1] == "{":
        inner = json.loads(inner)
    return _message(inner, "assistant")


FORMAT = Format(
    name="otel",
    recognises=_recognises,
    pieces=_pieces,
    together=_together,
    lists=("spans", "resourceSpans.item.scopeSpans.item.spans", "resourceSpans"),
)
