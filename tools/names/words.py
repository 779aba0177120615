"""Words that name nobody.

A dictionary's small-letter words without the names of the US Census and those that sentences.py
names people with.

`python words.py DICTIONARY COMMON CENSUS_FOLDER OUT_FOLDER`. DICTIONARY is
/usr/share/dict/american-english of the Debian package wamerican (SCOWL), COMMON english-words.10 of
the package scowl, CENSUS_FOLDER the package `names` (dist.all.last and so on, public domain). Adds
to everyday.txt what is nobody's name, and to small_letters.txt what is a family's name or a rare
given one, and therefore a word where it is written small. common.txt has what is misspelt most
often, because it is written most often.
"""

import re
import sys
from pathlib import Path

from sentences import FAMILIES, FOREIGN

LEAST = 3
_WORD = re.compile(r"[a-z]+\Z")
# what people chat in, and what a concierge talks about, that no dictionary writes small
SLANG = """alot aww awww boi btw byw cya dawg eww gawd gimme gonna gotta gunna haha hahaha hahahaha hehe heya hiya hmm hmmm hmmmm hullo imma jeez kinda lemme
lmao lol nah naw nope omg oops outta ppl pls plz righto sorta tho thx thanx tysm ugh uhh umm wanna whatcha wow yada yay yea yeah yep yikes yup"""
THINGS = """philly kl chitown socal norcal
acura adidas airbnb amex audi bmw buick burger cadillac cheetos chevrolet chipotle citroen costco datsun daytona doordash doritos dunkin ebay expedia
facebook fedex fiat fitbit gmail gmc gmt google grubhub hertz hilton hitachi honda hotmail huawei hyatt hyundai ikea infiniti instagram isuzu jaguar jetblue kfc kia lamborghini
lexus linkedin lyft marriott maserati mastercard mazda mcdonalds mitsubishi motel netflix nike nissan oreo panasonic pandora paypal pepsi peugeot pinterest
popeyes porsche radisson renault samsung sephora sheraton siri skype snapchat sony spotify starbucks subaru subway suzuki tesla tiktok toyota twitter uber usps
venmo verizon volkswagen volvo walgreens walmart whatsapp wifi yahoo yelp youtube zelle
ai api atm bbq bnb bts cd cdmx ceo cpr dj dmv dna dvd ent er eta faq fbi gp gps gyn hiv hr hvac icu id iphone ipad irs iss iv jfk lax lgbt mri msg nba nbc nfl nhl nsw nyc obgyn ob pc pdf
pm rv sfo suv tba tbd tv ufc usa vip vr wnba
african american argentinian asian australian austrian belgian brazilian british burmese cajun californian cambodian canadian caribbean chilean chinese colombian creole cuban czech danish
dutch egyptian ethiopian european filipino finnish french german greek hawaiian hungarian indian indonesian iranian iraqi irish israeli italian jamaican japanese jewish kenyan korean
lebanese malaysian mediterranean mexican moroccan nepalese nigerian norwegian pakistani persian peruvian polish polynesian portuguese russian salvadoran scandinavian scottish sicilian
spanish swedish swiss syrian taiwanese texan thai tibetan turkish tuscan ukrainian uzbek venezuelan vietnamese
bhatura biryani bulgogi calamari churros falafel gelato gyoza hibachi izakaya masala paella panko poke ramen risotto sashimi shabu shawarma sushi tandoori tempura teppanyaki teriyaki tikka tiramisu udon wasabi"""


def main(dictionary: str, common_words: str, census: str, out: str) -> None:
    """Write all lists."""
    words = {
        w
        for w in Path(dictionary).read_text(encoding="utf-8").split("\n")
        if len(w) >= LEAST and _WORD.match(w)
    }

    def listed(name: str) -> set[str]:
        return {
            line.split()[0].lower()
            for line in (Path(census) / name).read_text(encoding="utf-8").splitlines()
            if line.strip()
        }

    given = (
        listed("dist.female.first")
        | listed("dist.male.first")
        | {part.lower() for part in re.findall(r"\w+", FOREIGN)}
    )
    families = listed("dist.all.last")
    elsewhere = {part.lower() for part in re.findall(r"\w+", FAMILIES)}
    common = {
        part.lower() for part in (Path(out) / "given_names.txt").read_text(encoding="utf-8").split()
    }
    nobody = (words - given - families - common - elsewhere) | {*SLANG.split(), *THINGS.split()}
    seldom = (words & (families | given)) - common - elsewhere
    frequent = {
        w
        for w in Path(common_words).read_text(encoding="utf-8").split("\n")
        if len(w) > LEAST and _WORD.match(w)
    }
    (Path(out) / "common.txt").write_text(
        "\n".join(
            [
                "# The most common words of English (SCOWL, size 10), without people's names.",
                *sorted(frequent - given - common - elsewhere),
            ]
        )
        + "\n",
        encoding="utf-8",
    )
    for name, more in (("everyday.txt", nobody), ("small_letters.txt", seldom)):
        path = Path(out) / name
        lines = path.read_text(encoding="utf-8").splitlines()
        head, held = (
            [line for line in lines if line.startswith("#")],
            {line for line in lines if not line.startswith("#")},
        )
        path.write_text("\n".join([*head, *sorted(held | more)]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
