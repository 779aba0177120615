"""Random texts of everything that recognisers look at.

Nothing crashes, findings lie in order inside the text, and every text comes back.

`python -m benchmarks.pii_fuzz [--count N] [--seed S]`.
"""

import argparse
import random
import time

from kaeshi.pii import detect_each, restored, scrub
from kaeshi.pii.finders.word_lists import ListedNames

AT_ONCE = 200
TOGETHER = 20
PIECES = (
    *"0123456789 -.:/@()+#,'\"[]_&;\n\t$%=?!",
    "a",
    "Z",
    "é",
    "😀",
    "ß",
    "İ",
    "ſ",
    "K",
    "²",
    "٣",
    "４",
    "е",
    "\u200b",
    "\u00ad",
    "&#49;",
    "&amp;",
    "My name is ",
    "I'm ",
    "Anna ",
    "Bennett",
    "name? ",
    "password ",
    "password is ",
    "pin ",
    "ssn ",
    "account ",
    "born ",
    "passport ",
    "license plate ",
    "call ",
    "555-",
    "0132",
    "4111 ",
    "1111 ",
    "536-22-8145",
    "@x.com",
    "ann@",
    "http://",
    "www.",
    ".com/",
    "12 Oak Street",
    ", CA 95630",
    "[PERSON_1]",
    "[PHONE_",
    "]",
    " dot com",
    " at ",
    "GB82 WEST ",
    "DE89",
    "sk-",
    "0x",
    "::",
    "five ",
    "seven ",
    "pet ",
    "P.O. Box ",
)


def main() -> None:
    """Run, or raise AssertionError with the text that broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    rng = random.Random(wanted.seed)
    finder = ListedNames()
    began = time.process_time()
    for _ in range(0, wanted.count, AT_ONCE):
        texts = ["".join(rng.choices(PIECES, k=rng.randrange(1, 25))) for _ in range(AT_ONCE)]
        for text, hits in zip(texts, detect_each(texts), strict=True):
            last = 0
            for start, end, *_ in hits:
                assert last <= start < end <= len(text), (text, hits)
                last = end
        together = texts[:TOGETHER]
        assert list(restored(scrub(together, finder.find(together)))) == together, together
    print(
        f"{wanted.count} texts, seed {wanted.seed}: no crash, "
        f"{time.process_time() - began:.0f} s CPU"
    )


if __name__ == "__main__":
    main()
