"""Claims about gateway/tokens.py."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from kaeshi.errors import Refused
from kaeshi.gateway import tokens
from kaeshi.loop import Loop

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.=+/ "


def is_taken(loop: Loop, token: str, *, message: str = "m1", now: datetime = NOW) -> bool:
    try:
        tokens.check(loop.store.keyring, "main", message, token, now)
    except Refused:
        return False
    return True


def forged(rng: random.Random, real: str, other: str) -> str:
    """A token that was changed, cut, joined with another, or made up."""
    place = rng.randrange(len(real))
    until, _, signature = real.partition(".")
    return rng.choice(
        [
            real[:place] + rng.choice(ALPHABET) + real[place + 1 :],
            real[:place] + real[place + 1 :],
            real[:place] + rng.choice(ALPHABET) + real[place:],
            real[:place],
            f"{int(until) + rng.randrange(1, 10**9)}.{signature}",
            f"{other.partition('.')[0]}.{signature}",
            f"{until}.{other.partition('.')[2]}",
            f"{until}.{''.join(rng.choices(ALPHABET, k=len(signature)))}",
            f"{until}.",
            f"-{real}",
        ]
    )


def test_of_ten_thousand_forged_tokens_none_is_taken(loop: Loop) -> None:
    rng = random.Random(7)
    keyring = loop.store.keyring
    real = tokens.issue(keyring, "main", "m1", int(NOW.timestamp()))
    other = tokens.issue(keyring, "main", "m2", int(NOW.timestamp()) + 1)
    made = {forged(rng, real, other) for _ in range(24_000)} - {real}
    made |= {f"{''.join(rng.choices(ALPHABET, k=rng.randrange(80)))}" for _ in range(6_000)}
    assert len(made) >= 10_000
    assert [token for token in made if is_taken(loop, token)] == []
    assert is_taken(loop, real)


@pytest.mark.parametrize(
    ("assistant", "message", "days"), [("main", "m2", 0), ("other", "m1", 0), ("main", "m1", 91)]
)
def test_a_token_is_for_one_answer_of_one_assistant_and_expires(
    loop: Loop, assistant: str, message: str, days: int
) -> None:
    token = tokens.issue(loop.store.keyring, assistant, message, int(NOW.timestamp()))
    assert not is_taken(loop, token, now=NOW + timedelta(days=days))
