"""Feedback tokens: each lets its holder rate one answer, without an API key."""

import hmac
from datetime import datetime

from kaeshi.errors import Refused
from kaeshi.store.keys import Keyring

LASTS_S = 90 * 24 * 3600


def issue(keyring: Keyring, assistant: str, message: str, now: int) -> str:
    """A token for one answer; `now` in seconds since 1970."""
    until = now + LASTS_S
    return f"{until}.{keyring.signature(f'feedback {assistant} {message} {until}')}"


def check(keyring: Keyring, assistant: str, message: str, token: str, now: datetime) -> None:
    """Raise Refused unless the token belongs to this answer and has not expired."""
    until, _, signature = token.partition(".")
    expected = keyring.signature(f"feedback {assistant} {message} {until}")
    if not hmac.compare_digest(signature.encode(), expected.encode()) or now.timestamp() > int(
        until
    ):
        msg = (
            f"the feedback token does not belong to message {message!r}, or has expired; send the "
            "X-Kaeshi-Feedback-Token that came with the answer"
        )
        raise Refused(msg)
