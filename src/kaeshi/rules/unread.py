"""What is no answer: errors in any spelling, pages, and dialects that cannot be read."""

from collections.abc import Mapping, Sequence
from typing import Any

from kaeshi.errors import InvalidInput
from kaeshi.rules.events import decoded

LONGEST = 200  # longest stored message of an error
_NO_ANSWERS = frozenset({"an empty body", "HTML", "XML"})


def is_error(raw: bytes) -> bool:
    """Whether a whole answer with a good status is no answer: an error, a page, or nothing."""
    return error_in(raw) is not None or kind_of_text(raw) in _NO_ANSWERS


def error_in(raw: bytes) -> str | None:
    """The provider's message where a whole answer is an error in spite of its status."""
    try:
        body = decoded(raw)
    except ValueError:
        return None
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return None
    found = error_of(first)
    if found is None and "choices" in first and not first["choices"] and "output" not in first:
        return "an answer without choices"
    return found


def error_of(body: object) -> str | None:
    """The message of an error in any provider's spelling; None for anything else."""
    if not isinstance(body, dict):
        return None
    error = _error_field(body)
    if not error:
        return None
    told = error.get("message") if isinstance(error, dict) else error
    return str(told or error)[:LONGEST]


def _error_field(body: Mapping[str, Any]) -> Any:
    """The error's object or text, wherever the provider puts it."""
    if body.get("error"):
        return body["error"]
    if body.get("type") == "response.failed":
        return (body.get("response") or {}).get("error") or "the response failed"
    if body.get("type") == "error" or body.get("object") == "error":
        return body.get("message") or "error"
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        return next(filter(None, map(_error_in_choice, choices)), None)
    if "output" in body or "candidates" in body:
        return None
    return _error_beside(body)


def _error_in_choice(choice: object) -> Any:
    """OpenRouter's: the choice itself holds the error."""
    if not isinstance(choice, dict):
        return None
    broken = "the provider broke off" if choice.get("finish_reason") == "error" else None
    return choice.get("error") or broken


def _error_beside(body: Mapping[str, Any]) -> Any:
    """Errors with status 200 of servers that have a form of their own, where there is no answer."""
    base = body.get("base_resp")  # MiniMax
    if isinstance(base, dict) and base.get("status_code"):
        return base.get("status_msg") or "error"
    if body.get("success") is False:  # Cloudflare, Zhipu
        return body.get("errors") or body.get("msg") or body.get("message") or "error"
    if body.get("error_code"):  # FastChat
        return body.get("text") or body.get("message") or "error"
    detail = body.get("detail")  # FastAPI
    return str(detail) if detail and len(body) == 1 else None


def dialect_of(body: object) -> str:
    """A short name for what an unknown answer looks like: never its text."""
    if not isinstance(body, dict):
        return f"a JSON {type(body).__name__}"
    looks: Sequence[tuple[str, frozenset[str]]] = (
        ("Gemini's own API", frozenset({"candidates"})),
        ("Anthropic's own API", frozenset({"type", "content", "role"})),
        ("Ollama's own API", frozenset({"message", "done"})),
        ("Cohere's own API", frozenset({"generation_id"})),
        ("Bedrock's own API", frozenset({"output", "stopReason"})),
    )
    for name, keys in looks:
        if keys <= body.keys():
            return name
    names = sorted(str(key)[:20] for key in body)[:4]
    return f"JSON with {', '.join(names)}" if names else "an empty object"


def kind_of_text(raw: bytes) -> str:
    """A name for a body that is not JSON."""
    head = raw[:400].strip().lower()
    if not head:
        return "an empty body"
    if head.startswith((b"<!doctype", b"<html")):
        return "HTML"
    return "XML" if head.startswith(b"<") else "text"


class Unreadable(InvalidInput):
    """An answer in none of the known dialects. `dialect`: what it looks like."""

    def __init__(self, dialect: str) -> None:
        super().__init__(f"the answer is not OpenAI's format (it looks like {dialect})")
        self.dialect = dialect
