"""A request as it lies in the spool.

What the gateway knew, with the bytes of request and response, parsed only when it is stored.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Arm, Assignment, Consent, Exchange
from kaeshi.rules import wire
from kaeshi.rules.wire import Said

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
    known = dict(zip(_HEAD, from_json(raw[_LENGTHS.size : at]), strict=True))
    return Record(**known, request=raw[at : at + request], answer=raw[at + request :])


def exchange(record: Record, assistant: str) -> Exchange:
    """The Exchange.

    A request that is not in OpenAI's format has no messages; an answer that broke off counts as
    none.
    """
    messages, said = _read(record)
    assignment = _assignment_of(record)
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
        assignment=assignment,
        epoch=record.epoch,
        failed=record.failed,
        model=said.model if said else None,
        confidence=said.confidence if said else None,
        finish_reason=said.finish_reason if said else None,
        streamed=record.streamed,
        latency_ms=record.latency_ms,
        first_token_ms=record.first_token_ms,
        prompt_tokens=said.prompt_tokens if said else None,
        completion_tokens=said.completion_tokens if said else None,
    )


def _read(record: Record) -> tuple[tuple[dict[str, Any], ...], Said | None]:
    try:
        messages = wire.messages_of(from_json(record.request))
        whole = record.status == 200 and not record.cut_off  # HTTP's OK
        said = (
            (wire.said_in_stream if record.streamed else wire.said)(record.answer)
            if whole
            else None
        )
    except (InvalidInput, ValueError):
        messages = ()
        said = None
    return messages, said


def _assignment_of(record: Record) -> Assignment | None:
    assignment = None
    if record.experiment is not None and record.arm is not None and record.share is not None:
        assignment = Assignment(experiment=record.experiment, arm=record.arm, share=record.share)
    return assignment
