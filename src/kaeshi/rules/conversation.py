"""What a conversation record must look like, and what follows from one: its customer, its closing, its containment.

Records are the documented log format or plain OpenAI chat logs. Whatever is wrong is named; nothing is repaired by guessing.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, get_args

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from kaeshi.errors import InvalidInput
from kaeshi.types import Arm, Consent, Conversation, Json, Outcome, Role, Turn, text_of

MAX_MESSAGES = 2_000
MAX_TEXT = 1_000_000
MAX_OUTCOMES = 100
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
OPENAI_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id", "refusal", "function_call", "audio", "annotations")
CUSTOMER_FIELDS = ("customer_id", "user_id", "user", "user_worker")
_OUTCOME_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_HUGE = re.compile(rb"\d[eE]\+?\d{3}|\d{300}")
_ROLES = frozenset(get_args(Role))


def _written_time(value: object) -> object:
    """Times are written out, with their zone; a bare number says neither its unit nor its zone."""
    if value is None or isinstance(value, datetime) or (isinstance(value, str) and "-" in value[1:]):
        return value
    msg = "write times in ISO 8601, such as 2025-10-31T12:00:00Z"
    raise ValueError(msg)


Id = Annotated[str, Field(min_length=1, max_length=200)]
ConversationId = Annotated[str, Field(min_length=1, max_length=190)]  # its messages' ids are longer by their number
Time = Annotated[AwareDatetime | None, Field(strict=False), BeforeValidator(_written_time)]
Name = Annotated[str, Field(max_length=200)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    message_id: Id | None = None
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    at: Time = None
    confidence: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)] = None
    model: Name | None = None
    latency_ms: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None
    cost_usd: Annotated[Decimal | None, Field(ge=0, le=1_000_000, allow_inf_nan=False, strict=False)] = None
    act: Name | None = None


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    conversation_id: ConversationId | None = None
    assistant: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] | None = None
    consent: Consent | None = None
    source: Name | None = None
    started_at: Time = None
    domains: list[Name] = []
    intents: list[Name] = []
    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_MESSAGES)]
    outcome: dict[str, Any] | None = None
    experiment: Name | None = None
    arm: Arm | None = None
    closed: bool = False
    timestamps_synthetic: bool = False


def decode(data: bytes | str) -> object:
    """JSON to plain values. NaN, infinities, lone surrogates and NUL are refused: they cannot be stored or sent on."""
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        msg = f"not JSON: {error}; NaN, infinities and lone surrogates are not JSON either"
        raise InvalidInput(msg) from error
    # rare in what comes in, so the bytes are asked first and the values only then
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
    if (b"\\u0000" in raw or _HUGE.search(raw)) and not _storable(value):
        msg = "a text holds a NUL character, or a number is too large for JSON; databases cannot store either"
        raise InvalidInput(msg)
    return value


def _storable(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_storable(name) and _storable(item) for name, item in value.items())
    return not isinstance(value, list) or all(_storable(item) for item in value)


def parse(record: object, *, assistant: str, now: datetime, consent: Consent | None = None) -> Conversation:
    """A record in the documented log format, or a plain OpenAI chat log, as a Conversation. Raises InvalidInput."""
    if not isinstance(record, Mapping):
        msg = f"a record is a JSON object, this is {type(record).__name__}"
        raise InvalidInput(msg)
    try:
        parsed = _Record.model_validate(record)
        messages = [_Message.model_validate(message) for message in parsed.messages]
    except ValidationError as error:
        raise InvalidInput(_faults(error)) from error
    identifier = conversation_id(record)
    started = _utc(parsed.started_at or next((m.at for m in messages if m.at), None) or now)
    turns, last = [], started
    for number, (message, raw) in enumerate(zip(messages, parsed.messages, strict=True)):
        last = _utc(message.at) if message.at else last
        turns.append(_turn(message, raw, f"{identifier}#{number}", last))
    _check_ids(identifier, turns)
    return Conversation(
        id=identifier,
        assistant=parsed.assistant or assistant,
        customer=_customer(record) or identifier,
        started_at=started,
        turns=tuple(turns),
        consent=consent or parsed.consent or "none",
        source=parsed.source or "",
        domains=tuple(parsed.domains),
        intents=tuple(parsed.intents),
        outcomes=outcomes(_reported(record, parsed.outcome), at=max(started, turns[-1].at), source="log"),
        experiment=parsed.experiment,
        arm=parsed.arm,
        closed=parsed.closed,
        clocked=not parsed.timestamps_synthetic and all(m.at for m in messages),
    )


def _reported(record: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    """The log's outcome, and whether the customer's questionnaire says that the goal was reached."""
    said = record.get("feedback")
    goal = said.get("goal_reached") if isinstance(said, Mapping) else None
    return {**({"goal_reached": goal} if isinstance(goal, bool) else {}), **(outcome or {})}


def conversation_id(record: Mapping[str, Any]) -> str:
    """The record's own id. Chat logs carry none; the same log of the same customer always gets the same one, so importing twice changes nothing."""
    if record.get("conversation_id"):
        return str(record["conversation_id"])
    content = json.dumps([_customer(record), record.get("messages")], sort_keys=True, default=str)
    return "chat_" + hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:24]


def message_id(record: Mapping[str, Any], number: int) -> str:
    """The id of a record's message, as it is stored."""
    return str(record["messages"][number].get("message_id") or f"{conversation_id(record)}#{number}")


def outcomes(reported: Mapping[str, object], *, at: datetime, source: str) -> tuple[Outcome, ...]:
    """The reported facts, one each. Null is 'unknown' and is left out; `derivation` explains the others and is not one."""
    found = []
    if len(reported) > MAX_OUTCOMES:
        msg = f"{len(reported)} outcomes; {MAX_OUTCOMES} at a time are the most"
        raise InvalidInput(msg)
    for name, value in reported.items():
        if value is None or name == "derivation":
            continue
        if not isinstance(name, str) or not _OUTCOME_NAME.match(name):
            msg = f"outcome name {name!r}: use lower-case letters, digits and _ (at most 64)"
            raise InvalidInput(msg)
        if isinstance(value, float) and value not in {float("inf"), float("-inf")} and value == value:  # noqa: PLR0124  # NaN is the value that differs from itself
            found.append(Outcome(name=name, value=value, at=at, source=source))
        elif isinstance(value, bool | str) or (isinstance(value, int) and abs(value) < 2**53):
            if isinstance(value, str) and (len(value) > 64 or _CONTROL.search(value)):
                msg = f"outcome {name!r}: text values have at most 64 printable characters"
                raise InvalidInput(msg)
            found.append(Outcome(name=name, value=value, at=at, source=source))
        else:
            msg = f"outcome {name!r}: a value is true, false, a finite number below 2^53 or a short text, not {type(value).__name__}"
            raise InvalidInput(msg)
    return tuple(found)


def is_idle(last_at: datetime, now: datetime, idle_minutes: float) -> bool:
    """Nobody has said anything for so long that the conversation is over."""
    return now - last_at >= timedelta(minutes=idle_minutes)


def contained(facts: Mapping[str, object]) -> bool | None:
    """Handled without a person? Unknown as long as nobody reported whether it was escalated."""
    escalated = facts.get("escalated")
    return None if escalated is None else not escalated


_SMALL_TALK = re.compile(
    r"\W*(?:(?:ok(?:ay)?|alright|great|sure|perfect|thanks?|thank you|no problem|you(?:'re| are) (?:very )?welcome|my pleasure|(?:good ?)?bye|good ?night|"
    r"hello|hi|hey|welcome|see you|take care|enjoy|cheers|have an? (?:\w+ ){0,2}(?:day|night|evening|weekend|one|trip|time)|"
    r"(?:how|what) (?:can|may|else can) i (?:help|do|assist)(?: (?:you|for you|with|you with))?(?: today)?|"
    r"(?:is there |can i help you with |would you like )?any ?thing else(?: (?:that )?i can (?:do|help)(?: (?:you|for you|with|you with))*)?|"
    r"and|so much|very much|again|today|then|there|for (?:calling|contacting us|using our service|your patience))\W*){1,12}\Z",
    re.IGNORECASE,
)


def is_small_talk(text: str) -> bool:
    """Greetings, thanks and good-byes: nothing anybody could learn from.

    >>> is_small_talk("Thank you and goodbye!"), is_small_talk("We close at nine.")
    (True, False)
    """
    return len(text) < 160 and _SMALL_TALK.match(text) is not None


def rated_turn(turns: Sequence[Turn]) -> int | None:
    """Which turn feedback on the whole conversation is about: the last assistant message of substance, else the last one."""
    answers = [i for i, turn in enumerate(turns) if turn.role == "assistant" and turn.text]
    substantial = [i for i in answers if not is_small_talk(turns[i].text)]
    best = substantial or answers
    return best[-1] if best else None


def _turn(message: _Message, raw: Mapping[str, Any], fallback_id: str, at: datetime) -> Turn:
    if message.role not in _ROLES:
        msg = f"message role {message.role!r} is none of {', '.join(sorted(_ROLES))}"
        raise InvalidInput(msg)
    body: Json = {name: raw[name] for name in OPENAI_FIELDS if name in raw}
    if message.content is None and not message.tool_calls and not raw.get("refusal") and not raw.get("function_call"):
        msg = f"message {message.message_id or fallback_id!r} has neither content nor tool_calls"
        raise InvalidInput(msg)
    if len(text_of(body)) > MAX_TEXT:
        msg = f"message {message.message_id or fallback_id!r} has {len(text_of(body))} characters; {MAX_TEXT} are the most"
        raise InvalidInput(msg)
    return Turn(
        id=message.message_id or fallback_id,
        message=body,
        at=at,
        confidence=message.confidence,
        model=message.model,
        latency_ms=message.latency_ms,
        cost_usd=message.cost_usd,
        act=message.act,
    )


def _check_ids(conversation: str, turns: Sequence[Turn]) -> None:
    ids = [turn.id for turn in turns]
    if not (conversation.isprintable() and "".join(ids).isprintable()) or conversation in {".", ".."}:
        bad = next((i for i in (conversation, *ids) if not i.isprintable()), conversation)
        msg = f"id {bad!r} holds control characters, or is a path"
        raise InvalidInput(msg)
    if len(set(ids)) < len(ids):
        twice = next(i for n, i in enumerate(ids) if i in ids[:n])
        msg = f"message id {twice!r} occurs twice in conversation {conversation!r}"
        raise InvalidInput(msg)


def _customer(record: Mapping[str, Any]) -> str | None:
    for name in CUSTOMER_FIELDS:
        value = record.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            if len(str(value)) > 200:  # the limit of every id
                msg = f"{name} has {len(str(value))} characters; 200 are the most"
                raise InvalidInput(msg)
            return str(value)
        if value is not None and value != "":
            msg = f"{name} is a text or a whole number, not {type(value).__name__}"
            raise InvalidInput(msg)
    return None


def _utc(at: datetime) -> datetime:
    """In UTC, within the years that calendars and databases agree on."""
    if not EARLIEST <= at <= LATEST:
        msg = f"time {at.isoformat()} is not between 1970 and 2200"
        raise InvalidInput(msg)
    return at.astimezone(UTC)


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg'].lower()}" for e in error.errors(include_url=False, include_input=False)[:3]
    )
