"""What a request says about consent to learn from its conversation."""

from collections.abc import Mapping
from typing import NamedTuple, get_args

from kaeshi.gateway.requests import Fault, given
from kaeshi.nouns import Consent, ConsentSource

CONSENTS: dict[str, Consent] = {consent: consent for consent in get_args(Consent)}
MAX_TEXT = 200


class Said(NamedTuple):
    """The consent, who stated it, and to which text."""

    consent: Consent
    how: ConsentSource
    text: str


def said(headers: Mapping[bytes, bytes], setting: Consent) -> Said:
    """The statement of `X-Kaeshi-Consent`; without the header the operator's setting for all.

    A setting of none says nothing, so that it withdraws nothing. Raises Fault.
    """
    stated = given(headers, b"x-kaeshi-consent")
    if not stated:
        return Said(setting, "unstated" if setting == "none" else "setting", "")
    if stated not in CONSENTS:
        raise Fault(400, f"X-Kaeshi-Consent {stated!r} is none of {', '.join(CONSENTS)}")
    text = given(headers, b"x-kaeshi-consent-text") or ""
    if len(text) > MAX_TEXT:
        raise Fault(400, f"X-Kaeshi-Consent-Text has {len(text)} characters; at most {MAX_TEXT}")
    return Said(CONSENTS[stated], "request", text)
