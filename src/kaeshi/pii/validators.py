"""Checksums and formats that separate real numbers from similar ones."""

import hashlib
import ipaddress
import re

_DIGITS = re.compile(r"\D")


def digits(text: str) -> str:
    """The digits of a text."""
    return _DIGITS.sub("", text)


# how the numbers of each length begin, by the networks that issue them
_ISSUED = {
    12: ("5", "6"),
    13: ("4", "5", "6"),
    14: ("30", "36", "38", "39", "5", "6"),
    15: ("34", "37", "1800", "2131", "5", "6"),
    16: (
        "22",
        "23",
        "24",
        "25",
        "26",
        "27",
        "30",
        "35",
        "36",
        "38",
        "39",
        "4",
        "5",
        "6",
        "81",
        "82",
        "9792",
    ),
    **dict.fromkeys((17, 18, 19), ("30", "36", "38", "39", "4", "5", "6", "81", "82")),
}
_PREFIXES = tuple({prefix for prefixes in _ISSUED.values() for prefix in prefixes})


def is_card(text: str) -> bool:
    """Whether it is 12 to 19 digits, issued by a network, that pass the Luhn check (ISO/IEC 7812-1).

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    return _is_card(digits(text))


# what a digit counts where the formula doubles it
_DOUBLED = {str(d): d * 2 - 9 if d > 4 else d * 2 for d in range(10)}


def _is_card(number: str) -> bool:
    if not number.startswith(_ISSUED.get(len(number), ("no card",))):
        return False
    plain = sum(map(int, number[-1::-2]))
    return (plain + sum(map(_DOUBLED.__getitem__, number[-2::-2]))) % 10 == 0


_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GROUPS = re.compile(r"\d+")
_SIGNS = re.compile(r"[^\d -]")
# digits of the groups in which a card is printed
_PRINTED = ((4, 4, 4), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (8, 8))


def in_a_longer_token(text: str, start: int, end: int) -> bool:
    """Whether it is a part of a UUID or of a decimal.

    >>> in_a_longer_token("0.4111111111111111", 2, 18)
    True
    """
    if text[start - 1 : start] == "." and text[start - 2 : start - 1].isdigit():
        return True
    if text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit():
        return True
    return any(
        match.start() < end - max(0, start - 36) and match.end() > start - max(0, start - 36)
        for match in _UUID.finditer(text[max(0, start - 36) : end + 36])
    )


def is_grouped(text: str) -> bool:
    """Whether signs other than spaces and hyphens stand only where a card has its gaps.

    >>> is_grouped("4111/1111/1111/1111"), is_grouped("10, 20, 30, 40, 50, 60")
    (True, False)
    """
    return _SIGNS.search(text) is None or tuple(map(len, _GROUPS.findall(text))) in _PRINTED


def card_end(text: str, start: int, end: int) -> int | None:
    """Where the longest card that begins at `start` ends, with no digit after it.

    None without a card.

    >>> card_end("4111 1111 1111 1111 12 guests", 0, 22)
    19
    """
    number = digits(text[start:end])
    if not number.startswith(_PREFIXES) or len(set(number)) < 2:
        return None
    count = len(number)
    for stop in range(end, start + 11, -1):
        if not text[stop - 1].isdigit():
            continue
        if (
            not text[stop : stop + 1].isdigit()
            and _is_card(number[:count])
            and is_grouped(text[start:stop])
        ):
            return stop
        count -= 1
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


def iban_end(text: str, start: int, end: int) -> int | None:
    """Where an IBAN that begins at `start` ends: at a sign, or where small letters begin.

    >>> iban_end("DE89370400440532013000né", 0, 23)
    22
    """
    for stop in range(end, start + 14, -1):
        glued = text[stop - 1 : stop + 1]
        parted = stop == end or (
            (glued[:1].isdigit() or glued[:1].isupper())
            and (glued[1:].islower() or not glued[1:].isalnum())
        )
        if parted and text[stop - 1].isalnum() and is_iban(text[start:stop]):
            return stop
    return None


def is_ip(text: str) -> bool:
    """Whether the standard library reads it as an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return False
    return True


def is_somebodys_ip(text: str) -> bool:
    """Whether it is an address of one machine: no loopback, no mask, no placeholder.

    >>> is_somebodys_ip("203.0.113.9"), is_somebodys_ip("127.0.0.1"), is_somebodys_ip("0.0.0.0")
    (True, False, False)
    """
    if not is_ip(text):
        return False
    address = ipaddress.ip_address(text.partition("/")[0])
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        return False
    return not text.startswith(("255.255.", "0."))


def is_cpf(text: str) -> bool:
    """Whether its two check digits are right (Receita Federal, modulo 11).

    >>> is_cpf("111.444.777-35"), is_cpf("111.444.777-36")
    (True, False)
    """
    number = [int(d) for d in digits(text)]
    for count in (9, 10):
        rest = sum((count + 1 - i) * number[i] for i in range(count)) * 10 % 11 % 10
        if rest != number[count]:
            return False
    return True


def is_chinese_id(text: str) -> bool:
    """Whether it has the 18 signs of GB 11643, of which the last is a check digit.

    >>> is_chinese_id("11010519491231002X"), is_chinese_id("110105194912310021")
    (True, False)
    """
    if len(text) != 18:
        return False
    weights = [pow(2, 17 - i, 11) for i in range(17)]
    rest = sum(w * int(d) for w, d in zip(weights, text, strict=False)) % 11
    return "10X98765432"[rest] == text[17].upper()


_VIN = {
    **{str(d): d for d in range(10)},
    **dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
            strict=True,
        )
    ),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def is_vin(text: str) -> bool:
    """Whether its ninth sign is the check digit of North American vehicles (49 CFR 565.15).

    >>> is_vin("1HGCM82633A004352"), is_vin("1HGCM82633A004353")
    (True, False)
    """
    number = text.upper()
    if (
        len(number) != 17
        or not any(c.isalpha() for c in number)
        or any(c not in _VIN for c in number)
    ):
        return False
    rest = sum(_VIN[c] * w for c, w in zip(number, _VIN_WEIGHTS, strict=True)) % 11
    return "0123456789X"[rest] == number[8]


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
