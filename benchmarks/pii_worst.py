"""How long the worst text takes.

A fragment of everything that sets a recogniser off, repeated to 100 kB.

`python -m benchmarks.pii_worst [--json]` prints microseconds of CPU per character, structured types
and word lists, the worst first.
"""

import argparse
import json
import time

from kaeshi.pii import scrub
from kaeshi.pii.finders.word_lists import ListedNames

SIZE = 100_000
PUMPS = (
    "1 ",
    "1",
    "12-",
    "1.",
    "(1) ",
    "+1 ",
    "1-1-",
    "4111 ",
    "4111 1111 1111 1111 ",
    "415-555-0132 ",
    "536-22-8145 ",
    "0 1 2 3 4 5 6 7 ",
    "1:",
    "a1",
    "a1:",
    "1a-",
    "::",
    "ff::",
    "1.2.3.4 ",
    "a@",
    "@",
    "a.b@c",
    "x@y.",
    " dot ",
    "a at b dot ",
    "://",
    "http://",
    "www.",
    ".com/",
    "a.com/",
    "pass",
    "password ",
    "password is ",
    "pin 1234 ",
    "pin ",
    "pet ",
    "maiden name ",
    "first pet? ",
    "five ",
    "five six ",
    "box ",
    "po box 1 ",
    "12 Oak ",
    "four five six seven ",
    "double seven oh ",
    "cuatro ",
    "a b c d ",
    "k as in kilo ",
    "98200 12345 ",
    "55 1234 5678, ",
    "0612345678 ",
    "SW1A ",
    "K1A 0B1 ",
    "aGFucy5tdWVsbGVyQGdteC5kZQ ",
    "aB3+",
    "twenty one kelvin close ",
    "Lindenstraße 14 ",
    "Calle Mayor 12, ",
    "建国路88号",
    "東京都渋谷区神南1-2-3 ",
    "로 1 ",
    "me llamo Ana y ",
    "меня зовут Олег ",
    "我叫王小明",
    "my sister is Ann ",
    "exp 09/27 card ",
    "cvv 123 ",
    "zip 12345 ",
    "APO AA 12345 ",
    '{"a": 1}',
    "[",
    '{"a":',
    "card_pin: ",
    "dateOfBirth=",
    "%40",
    "\\u0061",
    "Wells Fargo ",
    "Ann_",
    "12 Oak Street ",
    "12 Oak Street, ",
    "1 a b c d ",
    "5 Rue ",
    "---",
    "-----BEGIN PRIVATE KEY-----",
    "plate ",
    "plate A1 ",
    "GB82 WEST ",
    "DE89 3704 0044 ",
    "My name is ",
    "I'm ",
    "Anna ",
    "Anna Bennett ",
    "name? ",
    "mr ",
    "sk-",
    "eyJa.",
    "0x",
    "born 1/1/1 ",
    "May 1 ",
    "[PERSON_1]",
    "[",
    "&#49;",
    "\u200b1",
    "é1",
    "ａ",
    "call 1 ",
    "account 1 ",
    "$1 ",
    "1/2 ",
)


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    finder = ListedNames()
    found = {}
    for pump in PUMPS:
        text = (pump * (wanted.size // len(pump) + 1))[: wanted.size]
        began = time.process_time()
        scrub([text], finder.find([text]))
        found[pump] = (time.process_time() - began) / wanted.size * 1e6
    ranked = sorted(found.items(), key=lambda item: -item[1])
    if wanted.json:
        print(
            json.dumps(
                {
                    "size": wanted.size,
                    "worst_us_per_character": ranked[0][1],
                    "pumps": dict(ranked),
                },
                indent=1,
            )
        )
        return
    print("\n".join(f"{cost:8.2f} us per character  {pump!r}" for pump, cost in ranked[:12]))


if __name__ == "__main__":
    main()
