"""What requests offer beside their messages, scrubbed before it is stored.

Tools and formats belong to the application, so they repeat: each is scrubbed once. Names and types
stay, because calls refer to them; descriptions, examples and listed values are scrubbed like text.
"""

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from kaeshi import pii
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.steps.collection import scrubber_version
from kaeshi.store.verbs import dumps

PROSE = frozenset({"description", "title", "examples", "default", "const", "enum", "content"})
log = logging.getLogger("kaeshi")


def clean(loop: Loop, context: Json) -> Json:
    """The context, scrubbed; empty where it cannot be."""
    if not context:
        return {}
    try:
        return _clean(_Scrubber(loop), dumps(context), _Held(context))
    except Exception:  # what could not be scrubbed is not stored
        log.exception("the tools of a request could not be scrubbed; they are not stored")
        return {}


class _Held:
    """A value beside the key it is remembered by."""

    def __init__(self, value: Json) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


class _Scrubber:
    """A loop's scrubber, equal to another of the same version."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.version = scrubber_version(loop)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Scrubber) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)


@lru_cache(512)
def _clean(scrubber: _Scrubber, _content: str, held: _Held) -> Json:
    texts: list[str] = []
    _walk(held.value, texts.append, is_prose=False)
    loop = scrubber.loop
    found = pii.scrub(texts, loop.names.find_each([texts])[0], loop.policy)
    cleaned: Json = _replaced(held.value, iter(found.texts), is_prose=False)
    return cleaned


def _walk(value: object, take: Callable[[str], None], *, is_prose: bool) -> None:
    if isinstance(value, str):
        if is_prose:
            take(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            _walk(item, take, is_prose=_is_prose(name, item, is_prose=is_prose))
    elif isinstance(value, list):
        for item in value:
            _walk(item, take, is_prose=is_prose)


def _replaced(value: Any, texts: Iterator[str], *, is_prose: bool) -> Any:
    if isinstance(value, str):
        return next(texts) if is_prose else value
    if isinstance(value, dict):
        return {
            name: _replaced(item, texts, is_prose=_is_prose(name, item, is_prose=is_prose))
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_replaced(item, texts, is_prose=is_prose) for item in value]
    return value


def _is_prose(name: str, value: object, *, is_prose: bool) -> bool:
    """Whether the strings under this key are text: a property may be called `title` itself."""
    return is_prose or (name in PROSE and not isinstance(value, dict))
