"""Which conversation a request continues: the states that recognise one.

Clients rewrite their history between turns: agent frameworks dump a call's arguments again, chat
UIs trim white space and drop the model's thoughts, windows leave out old turns. A state is
therefore the canonical form of what was said up to a reply. A conversation is recognised by, in
this order: an id that the answer gave (of a response, an item, a tool call), all that was said, the
last two turns, the last turn, the last reply.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from kaeshi.nouns import Json
from kaeshi.rules.canonical import Unit, canonical, words

# the ids of some local servers are counters; these are long enough to be random
LEAST_ID = 16
LONGEST_ROOT = 120
# customers that no caller names so: of a conversation, and of a name that no token vouches for
UNNAMED = "unnamed:"
UNVERIFIED = "unverified:"
LEAST_WINDOW = 80  # characters of a turn by which an unnamed customer is recognised
EARLIER = 2  # how many replies before the last one are tried, where that is not known
_ASKERS = frozenset({"user", "system", "developer", "tool", "function"})


class State(NamedTuple):
    """A key by which a conversation is recognised.

    `is_id`: it is unique by itself, so that no customer's name has to separate it. `is_window`: it
    covers the end of the conversation only. `replies`: how many of the request's messages it
    covers; None for all up to the assistant's last.
    """

    key: str
    is_id: bool = False
    is_window: bool = False
    replies: int | None = None


class References(NamedTuple):
    """How a request names what it continues.

    `conversation`: an id of OpenAI's Conversations API. `ids`: of answers and items, the strongest
    first. `is_delta`: the provider keeps the history, and the request holds new messages only.
    """

    conversation: str | None = None
    ids: tuple[str, ...] = ()
    is_delta: bool = False


def states_before(
    messages: Sequence[Json], replies: int, ids: Sequence[str], *, is_named: bool
) -> list[State]:
    """The states that a request may continue, the strongest first.

    `replies`: how many messages there are up to the assistant's last. `ids`: what it refers to.
    `is_named`: the customer or the conversation is. Where it is not, short turns such as "Thanks!"
    are too common to tell one conversation from another. An answer that was stopped or edited is
    not known: then the replies before it are tried.
    """
    known = [State(f"id {identifier}", is_id=True) for identifier in ids]
    if not replies:
        return known
    units = canonical(messages[:replies])
    windows = _windows(units, is_request=True)
    if not is_named:
        windows = [state for state in windows if len(state.key) >= LEAST_WINDOW]
    known += [*_whole(units), *windows]
    for upto in _earlier(messages, replies):
        known += [s._replace(replies=upto) for s in _whole(canonical(messages[:upto]))]
    return known


def states_after(
    messages: Sequence[Json], reply: Json, ids: Sequence[str], *, is_delta: bool = False
) -> list[State]:
    """The states by which the next request is recognised, once this reply was given.

    `is_delta`: the messages are new ones only, so that they are not all that was said.
    """
    known = [State(f"id {identifier}", is_id=True) for identifier in ids]
    units = canonical((*messages, reply))
    whole = [] if is_delta else _whole(units)
    return [*known, *whole, *_windows(units, is_request=is_delta)]


def _earlier(messages: Sequence[Json], replies: int) -> Iterator[int]:
    """How many messages there are up to the replies before the last, the latest first."""
    found = 0
    for i in range(replies - 1, 0, -1):
        is_turn = messages[i - 1]["role"] == "assistant" and messages[i]["role"] == "user"
        if is_turn and found < EARLIER:
            found += 1
            yield i


def _whole(units: Sequence[Unit]) -> list[State]:
    """All that was said, and the words alone: many clients leave calls out of the history."""
    found = [State(f"all {_key(units)}")]
    if _has_calls(units):
        found.append(State(f"all {_key(words(units))}"))
    return found


def _has_calls(units: Sequence[Unit]) -> bool:
    return any(kind in {"call", "tool"} for kind, _ in units)


def _key(units: Sequence[Unit]) -> str:
    """The units as one text. They hold no white space, so that none can look like two."""
    return "\n".join([f"{kind} {text}" for kind, text in units])


def _windows(units: Sequence[Unit], *, is_request: bool) -> list[State]:
    """The turns from the last two user messages on, from the last one on, and the last reply.

    A request may be a window itself, so its first turns may be the last of the conversation
    (`is_request`). In a whole conversation they are all that was said.
    """
    starts = [i for i, (kind, _) in enumerate(units) if kind == "user"]
    found = []
    for number in (2, 1):
        if len(starts) >= number and (is_request or starts[-number] > 0):
            found.append(State(f"last {number} {_key(units[starts[-number] :])}", is_window=True))
    said = units[starts[-1] + 1 :] if starts else units
    if said:
        found.append(State(f"reply {_key(words(said))}", is_window=True))
    return found


def references(body: Mapping[str, Any]) -> References:
    """How the request names what it continues."""
    named = body.get("conversation")
    if isinstance(named, dict):
        named = named.get("id")
    previous = body.get("previous_response_id")
    ids = [previous] if isinstance(previous, str) and previous else []
    is_delta = bool(ids) or isinstance(named, str)
    listed = body.get("messages") if "messages" in body else body.get("input")
    if isinstance(listed, list) and len(listed) > 1:
        ids += _ids_in(listed)
    return References(
        conversation=named if isinstance(named, str) and named else None,
        ids=tuple(ids),
        is_delta=is_delta,
    )


def _ids_in(listed: Sequence[object]) -> list[str]:
    """Ids of the last answer in a history: of a responses item, or of a tool call."""
    for item in reversed(listed):
        if not isinstance(item, dict) or item.get("role") in _ASKERS:
            continue
        found = [item.get("id")] if "type" in item else []
        if item.get("role") == "assistant" and isinstance(item.get("tool_calls"), list):
            found += [call.get("id") for call in item["tool_calls"] if isinstance(call, dict)]
        if str(item.get("type")).endswith("_call"):
            found.append(item.get("call_id"))
        if isinstance(item.get("audio"), dict):
            found.append(item["audio"].get("id"))
        kept = [i for i in found if isinstance(i, str) and len(i) >= LEAST_ID]
        if kept or item.get("role") == "assistant":
            return kept
    return []


def ids_given(answer_id: str | None, item_ids: Sequence[str], reply: Json) -> tuple[str, ...]:
    """The ids in an answer by which a later request may refer to it.

    A chat completion's own id is none: no request ever names it.
    """
    calls = reply.get("tool_calls")
    if not calls and not item_ids:
        return ()
    found = [answer_id, *item_ids] if item_ids else []
    found += [call.get("id") for call in calls or () if isinstance(call, dict)]
    return tuple(dict.fromkeys(i for i in found if isinstance(i, str) and len(i) >= LEAST_ID))


def scoped(scope: str, network: str) -> str:
    """What separates equal conversations: the scope, and without one the network it comes from.

    Strangers who know an opening and its reply do not join from elsewhere.
    """
    return scope or (f"\0network {network}" if network else "")


def root(conversation: str) -> str:
    """The conversation that a fork left: who is one customer before it is one after it.

    The name of a fork has to fit beside it: a long one is cut, with a digest of all of it.
    """
    name = conversation.partition("~msg_")[0]
    if len(name) <= LONGEST_ROOT:
        return name
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{name[: LONGEST_ROOT - len(digest) - 1]}-{digest}"


def unnamed(conversation: str) -> str:
    """The customer for whom only a conversation stands: no name that a caller gives is one."""
    return f"{UNNAMED}{root(conversation)}"
