"""Words that name nobody: a dictionary's small-letter words without the names of the US Census and those that sentences.py names people with.

`python words.py DICTIONARY CENSUS_FOLDER OUT_FOLDER`. DICTIONARY is /usr/share/dict/american-english of the Debian package wamerican (SCOWL),
CENSUS_FOLDER the package `names` (dist.all.last and so on, public domain). Adds to everyday.txt what is nobody's name, and to
small_letters.txt what is a family's name or a rare given one, and therefore a word where it is written small.
"""

import re
import sys
from pathlib import Path

from sentences import FAMILIES, FOREIGN

LEAST = 3
_WORD = re.compile(r"[a-z]+\Z")


def main(dictionary: str, census: str, out: str) -> None:
    """Write both lists."""
    words = {w for w in Path(dictionary).read_text(encoding="utf-8").split("\n") if len(w) >= LEAST and _WORD.match(w)}

    def listed(name: str) -> set[str]:
        return {line.split()[0].lower() for line in (Path(census) / name).read_text(encoding="utf-8").splitlines() if line.strip()}

    given = listed("dist.female.first") | listed("dist.male.first") | {part.lower() for part in re.findall(r"\w+", FOREIGN)}
    families = listed("dist.all.last")
    elsewhere = {part.lower() for part in re.findall(r"\w+", FAMILIES)}
    common = {part.lower() for part in (Path(out) / "given_names.txt").read_text(encoding="utf-8").split()}
    nobody, seldom = words - given - families - common - elsewhere, (words & (families | given)) - common - elsewhere
    for name, more in (("everyday.txt", nobody), ("small_letters.txt", seldom)):
        path = Path(out) / name
        lines = path.read_text(encoding="utf-8").splitlines()
        head, held = [line for line in lines if line.startswith("#")], {line for line in lines if not line.startswith("#")}
        path.write_text("\n".join([*head, *sorted(held | more)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
