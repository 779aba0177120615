"""How bad it would be if a text got out, and the seed's names for what was found."""

from collections.abc import Mapping, Sequence

from kaeshi.types import Json

SEED_KEYS = {
    "EMAIL": "emails",
    "PHONE": "phones",
    "PERSON": "names",
    "SSN": "ssns",
    "CREDIT_CARD": "credit_cards",
    "ADDRESS": "addresses",
    "IP": "ip_addresses",
    "URL": "urls",
    "IBAN": "ibans",
    "ACCOUNT": "accounts",
    "PIN": "pins",
    "PASSWORD": "passwords",
    "DATE_OF_BIRTH": "dates_of_birth",
    "SECURITY_ANSWER": "security_answers",
}
HIGH = frozenset({"SSN", "CREDIT_CARD", "IBAN", "ACCOUNT", "PIN", "PASSWORD", "SECURITY_ANSWER"})


def found_as_seed(found: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """A key per type, in the seed's words; a type that was not found has an empty list."""
    return {name: list(found.get(kind, ())) for kind, name in SEED_KEYS.items()}


def analyze(counts: Mapping[str, int]) -> Json:
    """Counts per type and a level: high with anything that opens an account or an identity, medium with any other finding, else low."""
    level = "high" if HIGH & counts.keys() else "medium" if counts else "low"
    return {**{f"{name}_found": counts.get(kind, 0) for kind, name in SEED_KEYS.items()}, "risk_level": level}
