r"""Placeholders in a model's answer, also as models alter them.

They lose their brackets, are written small, spaced, inflected, escaped for Markdown or for a URL:
`PERSON_1's`, `[person 1]`, `\[PERSON\_1\]`, `%5BPERSON_1%5D`. All stand for the same value, if
the conversation has one of that number; a bare `PERSON_1` that it has not is left as it is.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property

LONGEST = 64  # characters of an altered placeholder
_JSON = re.compile(r"\s*(?:```(?:json)?\s*)?(?:\{|\[\s*(?:[\[{\"\]]|-?\d))")


def is_json(text: str) -> bool:
    """Whether it begins as JSON does, also in a fence."""
    return bool(begins_json(text))


def begins_json(text: str) -> bool | None:
    """Whether a text that begins so is JSON; None while it is not known yet."""
    bare = text.lstrip()
    if not bare or (len(bare) < 9 and "```json\n".startswith(bare)) or bare == "[":
        return None
    return _JSON.match(text) is not None


def is_altered(text: str, kinds: Sequence[str]) -> bool:
    """Whether a text has a placeholder of one of the types in brackets, however it is written.

    >>> is_altered("ask [Person 1]", ("PERSON",)), is_altered("see [1]", ("PERSON",))
    (True, False)
    """
    return _altered(tuple(kinds)).search(text) is not None


@cache
def _altered(kinds: tuple[str, ...]) -> re.Pattern[str]:
    written = "|".join(r"(?:\\{0,2}_|[ -])".join(kind.split("_")) for kind in kinds)
    return re.compile(
        rf"\[\s?(?:{written})(?:\\{{0,2}}_|[ #:-])\d{{1,6}}\s?\\{{0,2}}\]", re.IGNORECASE
    )


class Altered:
    """Finds and restores the placeholders of one conversation. `found`: values by type."""

    def __init__(self, found: Mapping[str, Sequence[str]]) -> None:
        self._found = found

    def restored(self, text: str, *, as_json: bool = False) -> str:
        """The text with the values in place of their placeholders."""
        if not self._found or not any(sign in text for sign in "[]_%1234567890"):
            return text
        return self._pattern.sub(lambda match: self._value(match, as_json=as_json), text)

    def _value(self, match: re.Match[str], *, as_json: bool) -> str:
        """What a placeholder stands for; itself if for nothing."""
        written, number = _named(match)
        kind = written.upper().replace("\\", "").replace(" ", "_").replace("-", "_")
        values = self._values.get(kind, ())
        if not 0 < number <= len(values):
            return match[0]
        said = values[number - 1]
        return json.dumps(said, ensure_ascii=False)[1:-1] if as_json else said

    def held_from(self, text: str) -> int:
        """From where on the text may be the beginning of a placeholder; its length if nowhere."""
        start = max(0, len(text) - LONGEST)
        begun = self._begun.search(text, start) if self._found else _BEGUN.search(text, start)
        return begun.start() if begun else len(text)

    @cached_property
    def _values(self) -> dict[str, Sequence[str]]:
        return {kind.upper(): values for kind, values in self._found.items()}

    @cached_property
    def _kinds(self) -> str:
        """The types, in any case, with any sign between their words."""
        kinds = sorted(self._values, key=len, reverse=True)
        return "|".join(r"(?:\\?_|[ -])".join(kind.split("_")) for kind in kinds)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        opened = r"(?:\\?\[|%5[Bb]|\\u005[bB])\s?"
        closed = r"\s?(?:\\?\]|%5[Dd]|\\u005[dD])"
        between = r"(?:\\?_|%5[Ff]|[ #:-])"
        bare = "|".join(
            r"(?:\\?_)".join(kind.split("_"))
            for kind in sorted(self._values, key=len, reverse=True)
        )
        return re.compile(
            rf"{opened}(?P<kind>{self._kinds}){between}(?P<number>[1-9]\d{{0,5}}){closed}"
            # brackets lost on one side or on both: the type stands in capitals, with its sign
            rf"|(?:{opened})?(?<![A-Za-z0-9_])(?P<kind2>(?-i:{bare}))\\?_(?P<number2>[1-9]\d{{0,5}})(?![0-9A-Za-z_]|\w)(?:{closed})?"
            rf"|{opened}(?P<kind3>{self._kinds}){between}(?P<number3>[1-9]\d{{0,5}})(?=['’]s\b|\s)",
            re.IGNORECASE,
        )

    @cached_property
    def _begun(self) -> re.Pattern[str]:
        kinds = "|".join(_beginnings(kind) for kind in sorted(self._values, key=len, reverse=True))
        opened = r"(?:\\?\[|%5[Bb]|\\u005[bB])\s?"
        return re.compile(
            rf"(?:{opened}[A-Za-z_\\ #:%-]{{0,40}}(?:\d{{0,6}}\s?\\?(?:%5?)?)?|(?<![A-Za-z0-9_])(?-i:{kinds})|%5?|\\)\Z",
            re.IGNORECASE,
        )


def _named(match: re.Match[str]) -> tuple[str, int]:
    kind = match["kind"] or match["kind2"] or match["kind3"]
    return kind, int(match["number"] or match["number2"] or match["number3"])


_BEGUN = re.compile(r"\[[A-Z_]{0,47}\d{0,6}\Z")


def _beginnings(kind: str) -> str:
    """An expression for every beginning of a bare placeholder of the type.

    >>> bool(re.fullmatch(_beginnings("PIN"), "PI")), bool(re.fullmatch(_beginnings("PIN"), "PIN_12"))
    (True, True)
    """
    pattern = r"\\?_?\d{0,6}"
    for letter in reversed(kind):
        sign = r"\\?_" if letter == "_" else letter
        pattern = rf"{sign}(?:{pattern})?"
    return pattern
