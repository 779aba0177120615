"""Functions for library users, beside the seed's objects in kaeshi.ml."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from kaeshi.app import Target, open_loop
from kaeshi.errors import InvalidInput
from kaeshi.nouns import Consent
from kaeshi.rules.conversation import decode
from kaeshi.steps import conversation


async def log_conversations(
    db: Target,
    records: Iterable[Mapping[str, Any]],
    *,
    consent: Consent | None = None,
    assistant: str | None = None,
) -> int:
    """Store conversation records, in the documented log format or as plain OpenAI chat logs.

    Returns how many were new. Logging twice changes nothing. Raises InvalidInput with the refused
    records, after the good ones were stored.
    """
    plain: list[Any] = []
    unfit: list[Any] = []
    _split_unfit(records, plain, unfit)
    async with open_loop(db, assistant=assistant) as loop:
        done = await conversation.log(loop, plain, consent=consent)
    done.refused += unfit
    if done.refused:
        msg = (
            f"{len(done.refused)} records refused, {done.new} stored: {'; '.join(done.refused[:5])}"
        )
        raise InvalidInput(msg)
    return done.new


def _split_unfit(records: Iterable[Mapping[str, Any]], plain: list[Any], unfit: list[Any]) -> None:
    for number, record in enumerate(records, 1):
        try:
            plain.append(_plain(record))
        except InvalidInput as error:
            unfit.append(f"record {number}: {error}")


def _plain(record: Mapping[str, Any]) -> object:
    """The record with JSON-compatible values, so that it is checked as over HTTP."""
    try:
        return decode(json.dumps(record, allow_nan=False, default=_written))
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"cannot be written as JSON: {error}"
        raise InvalidInput(msg) from error


def _written(value: object) -> str:
    if isinstance(value, datetime | Decimal):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    msg = f"{type(value).__name__} is not a JSON value"
    raise TypeError(msg)
