"""Checks of addresses in options."""

from urllib.parse import urlsplit

from kaeshi.errors import InvalidInput
from kaeshi.nouns import EMBEDDED


def check_address(base_url: str | None) -> None:
    """Raise InvalidInput for anything but a web address without credentials."""
    if base_url is None or base_url == EMBEDDED:
        return
    parts = urlsplit(base_url)
    if parts.username is not None or parts.password is not None:
        msg = (
            f"--base-url of {parts.hostname!r} has credentials in it, which end in logs; put the "
            "key into GATEWAY_PROVIDER_KEYS"
        )
        raise InvalidInput(msg)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"--base-url {base_url!r} is not an http or https address"
        raise InvalidInput(msg)
