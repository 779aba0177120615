"""Checksums and formats that separate real numbers from similar ones."""

import hashlib
import ipaddress
import re

_DIGITS = re.compile(r"\D")


def digits(text: str) -> str:
    """The digits of a text."""
    return _DIGITS.sub("", text)


def is_card(text: str) -> bool:
    """Whether it is 12 to 19 digits that pass the Luhn check (ISO/IEC 7812-1).

    12 only where debit cards have 12.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    number = digits(text)
    if (
        not 12 <= len(number) <= 19
        or number[0] == "0"
        or (len(number) == 12 and number[0] not in "56")
    ):
        return False
    doubled = (int(d) * 2 if i % 2 else int(d) for i, d in enumerate(reversed(number)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0  # constants of the formula


def card_end(text: str, start: int, end: int) -> int | None:
    """Where the longest card that begins at `start` ends, with no digit after it.

    None without a card.

    >>> card_end("4111 1111 1111 1111 12 guests", 0, 22)
    19
    """
    if text[start] == "0" or len(set(digits(text[start:end]))) < 2:
        return None
    for stop in range(end, start + 11, -1):
        if (
            text[stop - 1].isdigit()
            and not text[stop : stop + 1].isdigit()
            and is_card(text[start:stop])
        ):
            return stop
    return None


def is_iban(text: str) -> bool:
    """Whether its rearrangement is 1 modulo 97 (ISO 13616).

    >>> is_iban("DE89 3704 0044 0532 0130 00")
    True
    """
    compact = text.replace(" ", "").replace("-", "").upper()
    if not 15 <= len(compact) <= 34 or not (
        compact.isascii() and compact.isalnum()
    ):  # lengths of ISO 13616
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def is_ip(text: str) -> bool:
    """Whether the standard library reads it as an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return False
    return True


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def is_base58_check(text: str) -> bool:
    """Whether it is 25 bytes in base 58 with a valid checksum, as coins' addresses are.

    The last four bytes are the double sha256 of the others.

    >>> is_base58_check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), is_base58_check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")
    (True, False)
    """
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
    if number.bit_length() > 200:
        return False
    raw = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]
