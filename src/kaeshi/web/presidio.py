"""The scrubber behind Presidio's HTTP interface, for clients and guardrails that speak it.

`POST /analyze` and `POST /anonymize` as Presidio 2 has them, on one port. Texts are neither stored
nor logged.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from kaeshi.errors import KaeshiError
from kaeshi.pii import TYPES, detect_each
from kaeshi.pii.api import finder, policy
from kaeshi.web.limits import BodyLimit

# what Presidio calls the types that both have
THEIRS = {
    "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
    "SSN": "US_SSN",
    "IBAN": "IBAN_CODE",
    "IP": "IP_ADDRESS",
    "ADDRESS": "LOCATION",
    "DATE_OF_BIRTH": "DATE_TIME",
    "BANK_ACCOUNT": "US_BANK_NUMBER",
    "PASSPORT": "US_PASSPORT",
    "DRIVER_LICENSE": "US_DRIVER_LICENSE",
    "CRYPTO_WALLET": "CRYPTO",
    "MAC": "MAC_ADDRESS",
}
UNPROCESSABLE = 422
FAILED = 500


class Analyze(BaseModel):
    """A request to find personal data. `entities`: the only types; None: all."""

    text: str | list[str]
    language: str = "en"
    entities: list[str] | None = None
    score_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0


class Found(BaseModel):
    """One finding: its place in the text, in characters, with `end` behind the last one."""

    entity_type: str
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    score: float = 1.0
    analysis_explanation: None = None


class Operator(BaseModel):
    """What becomes of a type's values. `encrypt` is not known here."""

    type: Literal["replace", "redact", "mask", "hash", "keep"] = "replace"
    new_value: str | None = None
    masking_char: str = "*"
    chars_to_mask: int = 100
    from_end: bool = False
    hash_type: Literal["sha256", "sha512"] = "sha256"


class Anonymize(BaseModel):
    """A request to replace findings. `anonymizers`: by type; DEFAULT: for all others."""

    text: str
    analyzer_results: list[Found]
    anonymizers: dict[str, Operator] = {}


def create() -> FastAPI:
    """The application that `kaeshi pii serve` runs."""
    app = FastAPI(title="kaeshi pii", docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit)
    app.get("/health", response_class=PlainTextResponse)(health)
    app.get("/supportedentities")(entities)
    app.post("/analyze")(analyze)
    app.post("/anonymize")(anonymize)
    return app


async def health() -> str:
    """The service answers."""
    return "kaeshi pii is up"


async def entities(language: Annotated[str, Query()] = "en") -> list[str]:  # noqa: ARG001  # theirs
    """The types that can be found, in Presidio's words."""
    return [THEIRS.get(kind, kind) for kind in TYPES]


async def analyze(wanted: Analyze) -> list[Any]:
    """Findings in a text, or a list of them for each text."""
    texts = [wanted.text] if isinstance(wanted.text, str) else wanted.text
    try:
        found = await asyncio.to_thread(_found, texts, wanted)
    except KaeshiError as error:
        raise HTTPException(FAILED, str(error)) from error
    return list(found[0]) if isinstance(wanted.text, str) else found


def _found(texts: Sequence[str], wanted: Analyze) -> list[list[Found]]:
    people = [
        [(f.start, f.end, f.type, f.score, f.recogniser) for f in lists[0]]
        for lists in finder().find_each([[text] for text in texts])
    ]
    return [
        [
            Found(entity_type=name, start=a, end=b, score=round(score, 4))
            for a, b, kind, score, _ in hits
            if (name := THEIRS.get(kind, kind)) in (wanted.entities or (name,))
            and score >= wanted.score_threshold
        ]
        for hits in detect_each(texts, people, policy())
    ]


async def anonymize(wanted: Anonymize) -> dict[str, Any]:
    """The text with its findings replaced, and where the replacements stand, the last one first."""
    pieces = []
    items: list[dict[str, Any]] = []
    last = length = 0
    for found in _apart(wanted):
        operator = wanted.anonymizers.get(
            found.entity_type, wanted.anonymizers.get("DEFAULT", Operator())
        )
        made = _made(operator, found.entity_type, wanted.text[found.start : found.end])
        start = length + found.start - last
        pieces += [wanted.text[last : found.start], made]
        length = start + len(made)
        last = found.end
        items.append(
            {
                "start": start,
                "end": length,
                "entity_type": found.entity_type,
                "text": made,
                "operator": operator.type,
            }
        )
    return {"text": "".join([*pieces, wanted.text[last:]]), "items": items[::-1]}


def _apart(wanted: Anonymize) -> list[Found]:
    """The findings in reading order; of two that overlap the longer one, then the surer."""
    for found in wanted.analyzer_results:
        if not found.start < found.end <= len(wanted.text):
            msg = (
                f"analyzer_results: {found.start} to {found.end} is no place in a text of "
                f"{len(wanted.text)} characters"
            )
            raise HTTPException(UNPROCESSABLE, msg)
    chosen: list[Found] = []
    for found in sorted(
        wanted.analyzer_results, key=lambda one: (one.start - one.end, -one.score, one.start)
    ):
        if all(found.end <= one.start or found.start >= one.end for one in chosen):
            chosen.append(found)
    return sorted(chosen, key=lambda one: one.start)


def _made(operator: Operator, kind: str, value: str) -> str:
    if operator.type == "keep":
        return value
    if operator.type == "redact":
        return ""
    if operator.type == "hash":
        return hashlib.new(operator.hash_type, value.encode()).hexdigest()
    if operator.type == "mask":
        count = max(0, min(operator.chars_to_mask, len(value)))
        signs = operator.masking_char * count
        return value[: len(value) - count] + signs if operator.from_end else signs + value[count:]
    return f"<{kind}>" if operator.new_value is None else operator.new_value
