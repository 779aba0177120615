"""Cases made anew for every seed.

Templates and values that no recogniser was written against, for types the public data lacks.
"""

import base64
import hashlib
import random
import string
from collections.abc import Callable, Iterator

Span = tuple[int, int, str]
Case = tuple[list[str], list[list[Span]], list[list[Span]], frozenset[str]]
EACH = 60


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(string.digits) for _ in range(count))


def _some(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


def _luhn(rng: random.Random) -> str:
    body = rng.choice(["4", "51", "55", "2221", "34", "37", "6011"])
    length = 15 if body[0] == "3" else 16
    body += _digits(rng, length - 1 - len(body))
    total = sum(
        d if i % 2 else (d * 2 - 9 if d > 4 else d * 2)
        for i, d in enumerate(map(int, reversed(body)))
    )
    number = body + str(-total % 10)
    sep = rng.choice(["", " ", "-"])
    groups = (
        [number[:4], number[4:10], number[10:]]
        if length == 15
        else [number[i : i + 4] for i in range(0, 16, 4)]
    )
    return sep.join(groups)


def _v6(rng: random.Random) -> str:
    groups = [f"{rng.randrange(1, 65536):x}" for _ in range(8)]
    return (
        ":".join(groups)
        if rng.random() < 0.5
        else ":".join(groups[:3]) + "::" + ":".join(groups[6:])
    )


def _base58(rng: random.Random) -> str:
    raw = b"\0" + rng.randbytes(20)
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    number = int.from_bytes(raw, "big")
    text = ""
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    while number:
        number, rest = divmod(number, 58)
        text = alphabet[rest] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def _key(rng: random.Random) -> str:
    letters = string.ascii_letters + string.digits
    return rng.choice(
        [
            "sk-" + _some(rng, letters, 40),
            "ghp_" + _some(rng, letters, 36),
            "AKIA" + _some(rng, string.ascii_uppercase + string.digits, 16),
            "AIza" + _some(rng, letters + "-_", 35),
            "xoxb-" + _digits(rng, 11) + "-" + _some(rng, letters, 24),
            "sk_live_" + _some(rng, letters, 24),
            "eyJ"
            + base64.urlsafe_b64encode(rng.randbytes(18)).decode().rstrip("=")
            + "."
            + _some(rng, letters, 40)
            + "."
            + _some(rng, letters, 30),
        ]
    )


Maker = Callable[[random.Random], str]
KINDS: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "IP": (
        lambda rng: (
            ".".join(str(rng.randrange(1, 255)) for _ in range(4))
            if rng.random() < 0.6
            else _v6(rng)
        ),
        (
            "my router says {}",
            "blocked from {} since noon",
            "Login from {} was refused.",
            "is {} one of yours?",
            "ping {} gives nothing",
        ),
    ),
    "MAC": (
        lambda rng: rng.choice(":-").join(f"{rng.randrange(256):02x}" for _ in range(6)),
        ("the printer is {}", "device {} keeps dropping off", "I registered {} on the guest wifi"),
    ),
    "API_KEY": (
        _key,
        (
            "I pasted {} into the settings and nothing works",
            "is {} still valid?",
            "here you go: {}",
            "use {} for the webhook",
        ),
    ),
    "CRYPTO_WALLET": (
        lambda rng: (
            _base58(rng) if rng.random() < 0.5 else "0x" + _some(rng, "0123456789abcdef", 40)
        ),
        ("can I pay to {}", "refund me at {} please", "the deposit went to {}"),
    ),
    "EMAIL": (
        lambda rng: (
            _some(rng, string.ascii_lowercase, rng.randrange(3, 9))
            + rng.choice([".", "_", "+", ""])
            + _some(rng, string.ascii_lowercase, 4)
            + "@"
            + _some(rng, string.ascii_lowercase, 7)
            + rng.choice([".com", ".co.uk", ".org", ".io", ".museum"])
        ),
        ("write to {} please", "{} is best for me", "Send the menu to {}, thanks", "cc {} too"),
    ),
    "PHONE": (
        lambda rng: rng.choice(
            [
                "({a}) {b}-{c}",
                "{a}-{b}-{c}",
                "{a}.{b}.{c}",
                "+1 {a} {b} {c}",
                "+1-{a}-{b}-{c}",
                "{a} {b} {c}",
                "+44 20 79{d} {c}",
                "1-{a}-{b}-{c}",
            ]
        ).format(
            a=rng.randrange(201, 990),
            b=rng.randrange(201, 999),
            c=_digits(rng, 4),
            d=_digits(rng, 2),
        ),
        (
            "you can ring {} after six",
            "reach us on {} any time",
            "{} is my mobile",
            "text {} when you are close",
            "her number is {}",
        ),
    ),
    "SSN": (
        lambda rng: rng.choice(["{}-{}-{}", "{} {} {}"]).format(
            _digits(rng, 3), _digits(rng, 2), _digits(rng, 4)
        ),
        ("for the W-9 it is {}", "my social is {}", "SSN: {}", "they asked for {} on the form"),
    ),
    "CARD_NUMBER": (
        _luhn,
        (
            "charge {} for the deposit",
            "put it on {} exp 09/28",
            "card is {} thanks",
            "{} should still work",
        ),
    ),
    "URL": (
        lambda rng: (
            f"https://{_some(rng, string.ascii_lowercase, 8)}.{rng.choice(['com', 'net', 'de', 'io'])}/{_some(rng, string.ascii_letters, 6)}?token={_some(rng, string.ascii_letters + string.digits, 12)}"  # noqa: E501
        ),
        ("look at {} please", "the photos are under {}", "I filled in {} yesterday"),
    ),
    "PASSPORT": (
        lambda rng: _some(rng, string.ascii_uppercase, rng.choice([0, 1, 2])) + _digits(rng, 7),
        ("passport number {}", "my passport is {}", "Passport no. {} expires in May"),
    ),
    "DRIVER_LICENSE": (
        lambda rng: _some(rng, string.ascii_uppercase, 1) + _digits(rng, rng.choice([7, 8, 12])),
        ("driver's license {}", "my driving licence is {}", "driver license number: {}"),
    ),
    "ROUTING": (lambda rng: _digits(rng, 9), ("routing number {}", "the routing is {}", "ABA {}")),
    "BANK_ACCOUNT": (
        lambda rng: _digits(rng, rng.choice([8, 10, 12])),
        ("my account number is {}", "pay it into account {}", "acct {}"),
    ),
    "PIN": (lambda rng: _digits(rng, 4), ("my pin is {}", "PIN: {}", "the pin code should be {}")),
    "PASSWORD": (
        lambda rng: _some(rng, string.ascii_letters, 5) + rng.choice("!#%&") + _digits(rng, 3),
        ("my password is {}", "password: {}", "the pwd is {}"),
    ),
    "DATE_OF_BIRTH": (
        lambda rng: rng.choice(["{m:02}/{d:02}/{y}", "{d}.{m}.{y}", "{y}-{m:02}-{d:02}"]).format(
            m=rng.randrange(1, 13), d=rng.randrange(1, 28), y=rng.randrange(1935, 2006)
        ),
        ("I was born on {}", "date of birth {}", "DOB: {}", "my birthday is {}"),
    ),
    "LICENSE_PLATE": (
        lambda rng: _digits(rng, 1) + _some(rng, string.ascii_uppercase, 3) + _digits(rng, 3),
        ("license plate {}", "the car's plate is {}", "number plate {}"),
    ),
}
HARMLESS = (
    "{n} adults and {k} kids on {m}/{d} at {h}:30",
    "the {p} quote for {n} people was fine",
    "order {o} is late",
    "we live in zip {z}, {n} guests",
    "version {v} of the app crashed",
    "table {k} for {h} pm please",
    "booking {o} was for {n} people",
    "is it ${p} or ${q} per head?",
    "Confirmation number {o}",
    "between {h} and {k} hours, about {p} dollars",
    "room {k}{n} has 2 beds",
    "we were here in 20{d}",
    "flight UA{p} lands at {h}:45",
    "it is {n}.5 miles away",
    "the 2024-25 season, game {k} of {n}",
)


def cases(seed: int) -> Iterator[Case]:
    """Documents as (texts, gold, keep, complete types)."""
    rng = random.Random(seed)
    complete = frozenset(KINDS)
    for kind, (make, templates) in KINDS.items():
        for _ in range(EACH):
            before, after = rng.choice(templates).split("{}")
            value = make(rng)
            yield (
                [before + value + after],
                [[(len(before), len(before) + len(value), kind)]],
                [[]],
                complete,
            )
    for _ in range(EACH * 5):
        text = rng.choice(HARMLESS).format(
            n=rng.randrange(2, 60),
            k=rng.randrange(2, 9),
            m=rng.randrange(1, 13),
            d=rng.randrange(10, 28),
            h=rng.randrange(4, 10),
            p=rng.randrange(90, 2000),
            q=rng.randrange(90, 2000),
            o=_digits(rng, rng.choice([5, 6, 8])),
            z=_digits(rng, 5),
            v=".".join(str(rng.randrange(20)) for _ in range(4)),
        )
        yield [text], [[]], [[]], complete
