"""The risk of a text, and the seed's names for its findings."""

from collections.abc import Mapping, Sequence

from kaeshi.nouns import Json

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
    "BANK_ACCOUNT": "bank_accounts",
    "ROUTING": "routing_numbers",
    "PASSPORT": "passports",
    "DRIVER_LICENSE": "driver_licenses",
    "LICENSE_PLATE": "license_plates",
    "API_KEY": "api_keys",
    "MAC": "mac_addresses",
    "CRYPTO_WALLET": "crypto_wallets",
    "ACCOUNT": "accounts",
    "BOOKING": "bookings",
    "PIN": "pins",
    "PASSWORD": "passwords",
    "DATE_OF_BIRTH": "dates_of_birth",
    "SECURITY_ANSWER": "security_answers",
    "NATIONAL_ID": "national_ids",
    "VIN": "vehicle_ids",
    "COORDINATES": "coordinates",
    "HANDLE": "handles",
    "USERNAME": "usernames",
    "ACCESS_CODE": "access_codes",
    "CARD_EXPIRY": "card_expiries",
}
HIGH = frozenset(
    {
        "SSN",
        "CREDIT_CARD",
        "IBAN",
        "BANK_ACCOUNT",
        "ROUTING",
        "PASSPORT",
        "DRIVER_LICENSE",
        "API_KEY",
        "PIN",
        "PASSWORD",
        "SECURITY_ANSWER",
        "NATIONAL_ID",
        "ACCESS_CODE",
    }
)


def residual(counts: Mapping[str, int], recalls: Mapping[str, float]) -> Json:
    """How many values may remain in a text, by type, given how many were found.

    With recall r at least, n found values leave at most n (1 - r) / r in expectation. `recalls` has
    Wilson lower bounds by type, measured on labelled text (docs/pii.md). For a type that was not
    measured the result is None, not zero.
    """
    left: dict[str, float | None] = {
        kind: round(count * (1 - recalls[kind]) / recalls[kind], 1) if recalls.get(kind) else None
        for kind, count in sorted(counts.items())
    }
    known = [value for value in left.values() if value is not None]
    return {
        "at_most_by_type": left,
        "at_most": round(sum(known), 1),
        "unmeasured": sorted(kind for kind, value in left.items() if value is None),
    }


def found_as_seed(found: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """A key per type, by the seed's names; a type without findings has an empty list."""
    return {name: list(found.get(kind, ())) for kind, name in SEED_KEYS.items()}


def analyze(counts: Mapping[str, int]) -> Json:
    """Counts per type, and a level.

    High with anything that opens an account or an identity, medium with any other finding, else
    low.
    """
    level = "high" if HIGH & counts.keys() else "medium" if counts else "low"
    return {
        **{f"{name}_found": counts.get(kind, 0) for kind, name in SEED_KEYS.items()},
        "risk_level": level,
    }
