"""Parses conversation records, and derives customer, closing and containment.

Records are in the documented log format or plain OpenAI chat logs. A fault is named; nothing is
repaired by guessing.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Required, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import from_json
from typing_extensions import TypedDict  # pydantic requires this one before Python 3.12

from kaeshi.errors import InvalidInput
from kaeshi.nouns import (
    Arm,
    Consent,
    ConsentSource,
    Conversation,
    Json,
    Outcome,
    Role,
    Turn,
    text_of,
)
from kaeshi.rules.wire import context_of

MAX_MESSAGES = 2_000
MAX_TEXT = 1_000_000
MAX_OUTCOMES = 100
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
OPENAI_FIELDS = (
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "refusal",
    "function_call",
    "audio",
    "annotations",
    "weight",
)
_BESIDE_TEXT = ("tool_calls", "function_call", "refusal")
_SELDOM = OPENAI_FIELDS[2:]  # beside a role and a content
NOTHING_STORED = (
    "no conversation is stored yet: `kaeshi conversation import FILE` brings logs, `kaeshi serve "
    "--model MODEL` logs what your app asks"
)
PATHS = frozenset({".", ".."})
CUSTOMER_FIELDS = ("customer_id", "user_id", "user", "user_worker")
# outcomes that figures and filters read
FLAGS = frozenset({"escalated", "booked", "goal_reached", "abandoned"})
_OUTCOME_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_EXPONENT = re.compile(rb"[0-9][eE]\+?[0-9]{3}")
# of a number of 300 digits, every fiftieth byte shows five at least
_LONG = re.compile(rb"[0-9]{5}")
_STEP = 50
_ROLES = frozenset(get_args(Role))

Id = Annotated[str, Field(min_length=1, max_length=200)]
ConversationId = Annotated[
    str, Field(min_length=1, max_length=190)
]  # its messages' ids are longer by their number
Time = str | datetime | None
Name = Annotated[str, Field(max_length=200)]


# dictionaries, not models: a log has very many messages, and these are read once
@with_config(ConfigDict(extra="allow", strict=True))
class _Message(TypedDict, total=False):
    message_id: Id | None
    role: Required[str]
    content: str | list[dict[str, Any]] | None
    tool_calls: list[dict[str, Any]] | None
    at: Time
    confidence: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)]
    model: Name | None
    latency_ms: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)]
    cost_usd: Annotated[
        Decimal | None, Field(ge=0, le=1_000_000, allow_inf_nan=False, strict=False)
    ]
    act: Name | None


@with_config(ConfigDict(extra="ignore", strict=True))
class _Record(TypedDict, total=False):
    conversation_id: ConversationId | None
    assistant: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] | None
    consent: Consent | None
    consent_text: Annotated[str, Field(max_length=1000)] | None
    source: Name | None
    started_at: Time
    domains: list[Name]
    intents: list[Name]
    messages: Required[Annotated[list[_Message], Field(min_length=1, max_length=MAX_MESSAGES)]]
    outcome: dict[str, Any] | None
    experiment: Name | None
    arm: Arm | None
    share: Annotated[float, Field(ge=0, le=1)] | None
    closed: bool
    timestamps_synthetic: bool
    tools: list[dict[str, Any]] | None
    functions: list[dict[str, Any]] | None
    tool_choice: Any
    response_format: dict[str, Any] | None
    parallel_tool_calls: bool | None


_RECORD: TypeAdapter[_Record] = TypeAdapter(_Record)


def decode(data: bytes | str) -> object:
    """JSON to plain values.

    NaN, infinities, lone surrogates and NUL are refused: they cannot be stored or sent on.
    """
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        msg = f"not JSON: {error}; NaN, infinities and lone surrogates are not JSON either"
        raise InvalidInput(msg) from error
    check_storable(value, data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
    return value


def check_storable(value: object, raw: bytes = b"") -> None:
    """Raise InvalidInput for NUL characters and infinite numbers.

    `raw`: the JSON that it was read from. What is wrong is rare, so the bytes are searched first
    and the values only if needed.
    """
    is_suspect = not raw or (
        b"\\u0000" in raw or _EXPONENT.search(raw) or _LONG.search(raw[::_STEP])
    )
    if is_suspect and not _storable(value):
        msg = (
            "a text holds a NUL character, or a number is too large for JSON; databases cannot "
            "store either"
        )
        raise InvalidInput(msg)


def _storable(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_storable(name) and _storable(item) for name, item in value.items())
    return not isinstance(value, list) or all(_storable(item) for item in value)


def parse(
    record: object, *, assistant: str, now: datetime, consent: Consent | None = None
) -> Conversation:
    """A record in the documented log format, or a plain OpenAI chat log, as a Conversation.

    Raises InvalidInput.
    """
    if not isinstance(record, Mapping):
        msg = f"a record must be a JSON object, not {type(record).__name__}"
        raise InvalidInput(msg)
    try:
        parsed = _RECORD.validate_python(record)
    except ValidationError as error:
        raise InvalidInput(_faults(error)) from error
    messages = parsed["messages"]
    identifier = conversation_id(record)
    times, started, turns = _timed_turns(messages, parsed, now, identifier)
    _check_ids(identifier, turns)
    return Conversation(
        id=identifier,
        assistant=parsed.get("assistant") or assistant,
        customer=_customer(record) or identifier,
        started_at=started,
        turns=tuple(turns),
        consent=consent or parsed.get("consent") or "none",
        consent_from=_consent_from(consent, parsed),
        consent_text=parsed.get("consent_text") or "",
        outcomes=outcomes(
            _reported(record, parsed.get("outcome")), at=max(started, turns[-1].at), source="log"
        ),
        clocked=not parsed.get("timestamps_synthetic", False) and None not in times,
        **_about(parsed),
    )


def _about(parsed: _Record) -> dict[str, Any]:
    """The fields that are taken unchanged."""
    return {
        "source": parsed.get("source") or "",
        "domains": tuple(parsed.get("domains", ())),
        "intents": tuple(parsed.get("intents", ())),
        "experiment": parsed.get("experiment"),
        "arm": parsed.get("arm"),
        "share": parsed.get("share"),
        "closed": parsed.get("closed", False),
        "context": context_of(parsed),
    }


def _consent_from(given: Consent | None, parsed: _Record) -> ConsentSource:
    if given is not None:
        return "import"
    return "record" if parsed.get("consent") else "unstated"


def _timed_turns(
    messages: Sequence[_Message],
    parsed: _Record,
    now: datetime,
    identifier: str,
) -> tuple[list[datetime | None], datetime, list[Turn]]:
    times = [_utc(message.get("at")) for message in messages]
    started = _utc(parsed.get("started_at")) or next((at for at in times if at), None) or now
    turns = []
    last = started
    for number, (message, at) in enumerate(zip(messages, times, strict=True)):
        last = at or last
        turns.append(_turn(message, f"{identifier}#{number}", last))
    return times, started, turns


def _reported(record: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> dict[str, Any]:
    """The log's outcome, with `goal_reached` from the customer's questionnaire."""
    said = record.get("feedback")
    goal = said.get("goal_reached") if isinstance(said, Mapping) else None
    return {**({"goal_reached": goal} if isinstance(goal, bool) else {}), **(outcome or {})}


def conversation_id(record: Mapping[str, Any]) -> str:
    """The record's own id, else a digest of the record.

    Chat logs carry no id; the same log of the same customer always gets the same one, so importing
    twice changes nothing.
    """
    if record.get("conversation_id"):
        return str(record["conversation_id"])
    content = json.dumps([_customer(record), record.get("messages")], sort_keys=True, default=str)
    return "chat_" + hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:24]


def message_id(record: Mapping[str, Any], number: int) -> str:
    """The stored id of a record's message."""
    return str(
        record["messages"][number].get("message_id") or f"{conversation_id(record)}#{number}"
    )


def outcomes(reported: Mapping[str, object], *, at: datetime, source: str) -> tuple[Outcome, ...]:
    """The reported facts, one each.

    Null means unknown and is left out; `derivation` explains the others and is not a fact.
    """
    found = []
    _check_count(reported)
    for name, value in reported.items():
        if value is None or name == "derivation":
            continue
        _check_outcome_name(name)
        _check_flag(name, value)
        if isinstance(value, float) and math.isfinite(value):
            found.append(Outcome(name=name, value=value, at=at, source=source))
        elif isinstance(value, bool | str) or (isinstance(value, int) and abs(value) < 2**53):
            if isinstance(value, str) and (len(value) > 64 or _CONTROL.search(value)):
                msg = f"outcome {name!r}: text values have at most 64 printable characters"
                raise InvalidInput(msg)
            found.append(Outcome(name=name, value=value, at=at, source=source))
        else:
            msg = (
                f"outcome {name!r}: a value is true, false, a finite number below 2^53 or a "
                f"short text, not {type(value).__name__}"
            )
            raise InvalidInput(msg)
    return tuple(found)


def _check_count(reported: Mapping[str, object]) -> None:
    if len(reported) > MAX_OUTCOMES:
        msg = f"{len(reported)} outcomes; at most {MAX_OUTCOMES} at a time"
        raise InvalidInput(msg)


def _check_flag(name: str, value: object) -> None:
    if name in FLAGS and not isinstance(value, bool):
        msg = f"outcome {name} {str(value)[:40]!r} is neither true nor false"
        raise InvalidInput(msg)


def _check_outcome_name(name: str) -> None:
    if not isinstance(name, str) or not _OUTCOME_NAME.match(name):
        msg = f"outcome name {name!r}: use lower-case letters, digits and _ (at most 64)"
        raise InvalidInput(msg)


def is_idle(last_at: datetime, now: datetime, idle_minutes: float) -> bool:
    """Whether the last message is so old that the conversation is over."""
    return now - last_at >= timedelta(minutes=idle_minutes)


def contained(facts: Mapping[str, object]) -> bool | None:
    """Handled without a person? Unknown until it is reported whether it was escalated."""
    escalated = facts.get("escalated")
    return None if escalated is None else not escalated


_SMALL_TALK = re.compile(
    r"\W*(?:(?:ok(?:ay)?|alright|great|sure|perfect|thanks?|thank you|no problem|you(?:'re| are) "
    r"(?:very )?welcome|my pleasure|(?:good ?)?bye|good ?night|"
    r"hello|hi|hey|welcome|see you|take care|enjoy|cheers|have an? (?:\w+ ){0,2}(?:day|night|"
    r"evening|weekend|one|trip|time)|"
    r"(?:how|what) (?:can|may|else can) i (?:help|do|assist)(?: (?:you|for you|with|you with))?(?: "
    r"today)?|"
    r"(?:is there |can i help you with |would you like )?any ?thing else(?: (?:that )?i can (?:do|"
    r"help)(?: (?:you|for you|with|you with))*)?|"
    r"and|so much|very much|again|today|then|there|for (?:calling|contacting us|using our service|"
    r"your patience))\W*){1,12}\Z",
    re.IGNORECASE,
)


def is_small_talk(text: str) -> bool:
    """Greetings, thanks and good-byes, from which nothing can be learned.

    >>> is_small_talk("Thank you and goodbye!"), is_small_talk("We close at nine.")
    (True, False)
    """
    return len(text) < 160 and _SMALL_TALK.match(text) is not None


def is_answer(message: Json) -> bool:
    """Whether an assistant's message says or does something that may be learned.

    A tool call does; a message of weight 0, as training files mark bad answers, does not count.
    """
    if message["role"] != "assistant" or message.get("weight") == 0:
        return False
    return says_something(message)


def says_something(message: Json) -> bool:
    """Whether a message has a text, a call or a refusal."""
    return bool(text_of(message).strip() or any(map(message.get, _BESIDE_TEXT)))


def rated_turn(messages: Sequence[Json]) -> int | None:
    """The message that feedback on the whole conversation is about.

    The assistant's last one of substance, else its last one. Those of weight 0 are not to be
    learned.
    """
    last = None
    for i in range(len(messages) - 1, -1, -1):
        if messages[i]["role"] != "assistant" or messages[i].get("weight") == 0:
            continue
        text = text_of(messages[i])
        if text and not is_small_talk(text):
            return i
        if text and last is None:
            last = i
    return last


def _turn(message: _Message, fallback_id: str, at: datetime) -> Turn:
    given: Mapping[str, Any] = message
    role = given["role"]
    _check_weight(given.get("weight"), role)
    identifier = given.get("message_id") or fallback_id
    if role not in _ROLES:
        msg = f"message role {role!r} is none of {', '.join(sorted(_ROLES))}"
        raise InvalidInput(msg)
    plain = isinstance(given.get("content"), str) and given.keys().isdisjoint(_SELDOM)
    body = _body_of(plain, role, given, identifier)
    _check_length(plain, body, identifier)
    return _made_turn(identifier, body, at, given)


def _check_weight(weight: object, role: str) -> None:
    """Raise InvalidInput for a weight that OpenAI's training files do not have."""
    if weight is None:
        return
    if role != "assistant" or isinstance(weight, bool) or weight not in (0, 1):
        msg = f"weight {weight!r} of a message from {role!r}: 0 or 1, of assistant messages only"
        raise InvalidInput(msg)


def _body_of(plain: bool, role: Any, given: Mapping[str, Any], identifier: Any | str) -> Json:
    body: Json = (
        {"role": role, "content": given["content"]}
        if plain
        else {name: given[name] for name in OPENAI_FIELDS if name in given}
    )
    if not plain and not any(
        (
            given.get("content") is not None,
            given.get("tool_calls"),
            given.get("refusal"),
            given.get("function_call"),
        )
    ):
        msg = f"message {identifier!r} has neither content nor tool_calls"
        raise InvalidInput(msg)
    return body


def _check_length(plain: bool, body: Json, identifier: Any | str) -> None:
    length = len(body["content"] if plain else text_of(body))
    if length > MAX_TEXT:
        msg = f"message {identifier!r} has {length} characters; at most {MAX_TEXT}"
        raise InvalidInput(msg)


def _made_turn(identifier: Any | str, body: Json, at: datetime, given: Mapping[str, Any]) -> Turn:
    return Turn(
        id=identifier,
        message=body,
        at=at,
        confidence=given.get("confidence"),
        model=given.get("model"),
        latency_ms=given.get("latency_ms"),
        cost_usd=given.get("cost_usd"),
        act=given.get("act"),
    )


def _check_ids(conversation: str, turns: Sequence[Turn]) -> None:
    ids = [turn.id for turn in turns]
    if not "".join([conversation, *ids]).isprintable() or conversation in PATHS:
        bad = next((i for i in (conversation, *ids) if not i.isprintable()), conversation)
        msg = f"id {bad!r} has control characters, or is a path"
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
                msg = f"{name} has {len(str(value))} characters; at most 200"
                raise InvalidInput(msg)
            return str(value)
        if value is not None and value != "":
            msg = f"{name} must be a text or a whole number, not {type(value).__name__}"
            raise InvalidInput(msg)
    return None


def _utc(at: Time) -> datetime | None:
    """The time in UTC, within the years that calendars and databases share.

    Raises InvalidInput for a bare number, which has neither unit nor zone.
    """
    if at is None:
        return None
    try:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError as error:
        msg = f"time {str(at)[:40]!r}: write times in ISO 8601, such as 2025-10-31T12:00:00Z"
        raise InvalidInput(msg) from error
    if moment.tzinfo is UTC and EARLIEST.year < moment.year < LATEST.year:
        return moment
    _check_year(moment)
    return moment.astimezone(UTC)


def _check_year(moment: datetime) -> None:
    if moment.tzinfo is None:
        msg = f"time {moment.isoformat()} has no zone; write it such as 2025-10-31T12:00:00Z"
        raise InvalidInput(msg)
    if not EARLIEST <= moment <= LATEST:
        msg = f"time {moment.isoformat()} is not between 1970 and 2200"
        raise InvalidInput(msg)


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg'].lower()}"
        for e in error.errors(include_url=False, include_input=False)[:3]
    )
