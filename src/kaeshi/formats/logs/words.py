"""What several formats share: roles, times, HTML, and histories that are sent again and again."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Any

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs.shape import Json

ROLES = {
    **dict.fromkeys(("user", "human", "customer", "visitor", "client", "end-user", "lead"), "user"),
    **dict.fromkeys(
        ("assistant", "ai", "bot", "agent", "gpt", "model", "admin", "operator", "chatgpt"),
        "assistant",
    ),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "function", "observation"), "tool"),
}
MILLISECONDS = 10**11  # a number of seconds above this is one of milliseconds
NANOSECONDS = 10**17
TEXTS = ("text", "output", "input", "answer", "question", "query", "completion")


def identifier(source: str, given: object) -> str:
    """A conversation's name of a source's own id. Raises InvalidInput without one."""
    if given is None or given == "":
        msg = "id is missing, by which a conversation is known when it comes again"
        raise InvalidInput(msg)
    return f"{source}-{given}"


def role_of(said: object) -> str:
    """The role by any of its usual names. Raises InvalidInput."""
    found = ROLES.get(str(said).strip().lower())
    if found is None:
        msg = f"the speaker {str(said)[:40]!r} is none of {', '.join(sorted(ROLES))}"
        raise InvalidInput(msg)
    return found


def moment(said: object) -> str | None:
    """A time as ISO 8601 with its zone, UTC where it has none; None where there is none.

    ISO 8601, and seconds, milliseconds or nanoseconds since 1970. Raises InvalidInput.
    """
    if said is None or said == "":
        return None
    text = str(said).strip()
    try:
        at = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return _since_1970(text)
    return text.replace(" ", "T") if at.tzinfo else at.replace(tzinfo=UTC).isoformat()


def seconds_of(at: str | None) -> float:
    """What pieces are sorted by: the seconds since 1970 of a `moment`; 0 without one."""
    return datetime.fromisoformat(at).timestamp() if at else 0.0


def _since_1970(text: str) -> str:
    try:
        number = float(text)
        scale = 1e9 if number > NANOSECONDS else 1e3 if number > MILLISECONDS else 1.0
        return datetime.fromtimestamp(number / scale, UTC).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        msg = f"the time {text[:40]!r} is neither ISO 8601 nor a number of seconds"
        raise InvalidInput(msg) from error


_HIDDEN = re.compile(r"<(?:(!--)|(script|style)\b)", re.IGNORECASE)
_ENDS = {
    "!--": re.compile("-->"),
    "script": re.compile(r"</script\s*>", re.IGNORECASE),
    "style": re.compile(r"</style\s*>", re.IGNORECASE),
}
_BLOCK = re.compile(r"""<(?:p|br|div|li|tr|h[1-4])\b(?:"[^"]*"|'[^']*'|[^<>"'])*>""", re.IGNORECASE)
_TAG = re.compile(r"""</?[a-z!](?:"[^"]*"|'[^']*'|[^<>"'])*>""", re.IGNORECASE)


def text_of_html(html: str) -> str:
    r"""The words of a piece of HTML, its blocks on lines of their own.

    >>> text_of_html('<p>Ten &amp; more</p><div title="a>b">At seven</div>')
    'Ten & more\nAt seven'
    """
    if "<" in html:
        html = _TAG.sub("", _BLOCK.sub("\n", _shown(html)))
    elif "&" not in html:
        return html.strip()
    lines = (" ".join(line.split()) for line in unescape(html).splitlines())
    return "\n".join(line for line in lines if line)


def _shown(html: str) -> str:
    """The HTML without comments, scripts and styles; one that never ends hides nothing."""
    parts = []
    at = 0
    endless = set[str]()  # so that many beginnings without an end take linear time
    for found in _HIDDEN.finditer(html):
        kind = (found[1] or found[2]).lower()
        if found.start() < at or kind in endless:
            continue
        end = _ENDS[kind].search(html, found.end())
        if end is None:
            endless.add(kind)
            continue
        parts.append(html[at : found.start()])
        at = end.end()
    return "".join([*parts, html[at:]])


def messages_of(said: Any, role: str) -> list[Json]:
    """OpenAI messages of what a trace calls input or output; a plain text is of that role."""
    if said is None or said == "":
        return []
    if isinstance(said, list):
        return [message for each in said for message in messages_of(each, role)]
    if isinstance(said, dict):
        return _messages_in(said, role)
    return [{"role": role, "content": said if isinstance(said, str) else str(said)}]


def _messages_in(said: Json, role: str) -> list[Json]:
    for name in ("messages", "choices"):
        if isinstance(said.get(name), list):
            return messages_of(said[name][:1] if name == "choices" else said[name], role)
    if isinstance(said.get("message"), dict):
        return messages_of(said["message"], role)
    if "role" in said or "content" in said:
        named = said.get("role")
        return [{**said, "role": role if named is None else role_of(named)}]
    texts = (said[name] for name in TEXTS if isinstance(said.get(name), str))
    return [{"role": role, "content": text} for text in list(texts)[:1]]


def extended(said: list[Json], sent: Sequence[Json], answer: Iterable[Json]) -> list[Json]:
    """The conversation after one more request.

    A request usually brings the whole history again; then its new messages are added. One that
    brings another part of it adds its last message.
    """
    spoken = [m for m in sent if m["role"] != "system"]
    before = [m for m in said if m["role"] != "system"]
    head = said or [m for m in sent if m["role"] == "system"]
    same = 0
    while same < min(len(spoken), len(before)) and _is_same(spoken[same], before[same]):
        same += 1
    fresh = spoken[same:] if same == len(before) else spoken[-1:]
    return [*head, *fresh, *answer]


def _is_same(one: Json, other: Json) -> bool:
    return one["role"] == other["role"] and one.get("content") == other.get("content")
