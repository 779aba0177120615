"""Arithmetic that tells a real number from one that only looks like it."""

import ipaddress
import re

_DIGITS = re.compile(r"\D")


def digits(text: str) -> str:
    """Only the digits."""
    return _DIGITS.sub("", text)


def is_card(text: str) -> bool:
    """13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1).

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    number = digits(text)
    if not 13 <= len(number) <= 19 or number[0] == "0":  # lengths of ISO/IEC 7812-1
        return False
    doubled = (int(d) * 2 if i % 2 else int(d) for i, d in enumerate(reversed(number)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0  # the formula's constants


def card_end(text: str, start: int, end: int) -> int | None:
    """Where the longest card that begins at `start` ends, at a place where no digit follows; None if none does.

    >>> card_end("4111 1111 1111 1111 12 guests", 0, 22)
    19
    """
    for stop in range(end, start + 12, -1):
        if text[stop - 1].isdigit() and not text[stop : stop + 1].isdigit() and is_card(text[start:stop]):
            return stop
    return None


def is_iban(text: str) -> bool:
    """Letters and digits whose rearrangement is 1 modulo 97 (ISO 13616).

    >>> is_iban("DE89 3704 0044 0532 0130 00")
    True
    """
    compact = text.replace(" ", "").upper()
    if not 15 <= len(compact) <= 34:  # lengths of ISO 13616
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def is_ip(text: str) -> bool:
    """An IPv4 or IPv6 address as the standard library reads it."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
