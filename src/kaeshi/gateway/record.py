"""A request as it lies in the spool.

What the gateway knew, with the bytes of request and response, parsed only when it is stored.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Arm, Assignment, Consent, ConsentSource, Exchange, Json
from kaeshi.rules import answer, threads, wire
from kaeshi.rules.answer import Said
from kaeshi.rules.unread import Unreadable

OK = 200
_LENGTHS = struct.Struct("<II")


@dataclass(kw_only=True, slots=True)
class Record:
    """What is known of a request when its response has been sent. Times in milliseconds."""

    id: str
    conversation: str
    customer: str
    scope: str
    consent: Consent
    at: float  # seconds since 1970
    path: str
    experiment: str | None
    arm: Arm | None
    share: float | None
    epoch: int
    streamed: bool
    status: int = 0
    failed: bool = False
    cut_off: bool = False
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    is_turn: bool = True
    is_unknown: bool = False
    is_verified: bool = False
    network: str = ""
    consent_from: ConsentSource = "unstated"
    consent_text: str = ""
    failure: str = ""  # why the assigned model did not answer
    request: bytes = b""
    answer: bytes = b""


_HEAD = tuple(name for name in Record.__slots__ if name not in {"request", "answer"})


def pack(record: Record) -> bytes:
    """The record as bytes."""
    head = to_json([getattr(record, name) for name in _HEAD])
    return _LENGTHS.pack(len(head), len(record.request)) + head + record.request + record.answer


def unpack(raw: bytes) -> Record:
    """The record behind `pack`."""
    head, request = _LENGTHS.unpack_from(raw)
    at = _LENGTHS.size + head
    # a record of an older version has fewer fields: the newer ones are last, with defaults
    known = dict(zip(_HEAD, from_json(raw[_LENGTHS.size : at]), strict=False))
    return Record(**known, request=raw[at : at + request], answer=raw[at + request :])


def exchange(record: Record, assistant: str) -> Exchange:
    """The Exchange.

    A request that is not in OpenAI's format has no messages; an answer that broke off counts as
    none, and so does one in an unknown dialect, which is named.
    """
    messages, refers, context = _asked(record)
    said, unread = _answered(record)
    return Exchange(
        id=record.id,
        assistant=assistant,
        conversation=record.conversation,
        customer=record.customer,
        at=datetime.fromtimestamp(record.at, UTC),
        messages=messages,
        reply=said.message if said else None,
        status=record.status,
        scope=record.scope,
        consent=record.consent,
        consent_from=record.consent_from,
        consent_text=record.consent_text,
        assignment=_assignment_of(record),
        epoch=record.epoch,
        failed=record.failed,
        failure=record.failure,
        streamed=record.streamed,
        latency_ms=record.latency_ms,
        first_token_ms=record.first_token_ms,
        refers=refers.ids,
        is_delta=refers.is_delta,
        is_turn=record.is_turn,
        is_unknown=record.is_unknown,
        is_verified=record.is_verified,
        network=record.network,
        unread=unread,
        context=context,
        **(_facts_of(said) if said else {}),
    )


def _facts_of(said: Said) -> dict[str, Any]:
    return {
        "model": said.model,
        "confidence": said.confidence,
        "finish_reason": said.finish_reason,
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "answer_id": said.id,
        "others": said.others,
        "gave": threads.ids_given(said.id, said.item_ids, said.message),
    }


def _asked(record: Record) -> tuple[tuple[Json, ...], threads.References, Json]:
    """(messages, what the request refers to, what it offers beside them)."""
    try:
        body = from_json(record.request)
        return wire.messages_of(body), threads.references(body), wire.context_of(body)
    except (InvalidInput, ValueError):
        return (), threads.References(), {}


def _answered(record: Record) -> tuple[Said | None, str | None]:
    """(the reply, None), or (None, the dialect that could not be read)."""
    if record.status != OK or record.cut_off:
        return None, None
    try:
        return answer.read(record.answer), None
    except Unreadable as error:
        return None, None if answer.is_failure_of_model(record.answer) else error.dialect


def _assignment_of(record: Record) -> Assignment | None:
    assignment = None
    if record.experiment is not None and record.arm is not None and record.share is not None:
        assignment = Assignment(experiment=record.experiment, arm=record.arm, share=record.share)
    return assignment
