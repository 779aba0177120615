"""Claims about cli/address.py."""

import pytest

from kaeshi.cli.address import check_address
from kaeshi.errors import InvalidInput


@pytest.mark.parametrize("address", [None, "http://127.0.0.1:8000/v1", "https://api.example/v1"])
def test_web_addresses_are_taken(address: str | None) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://x/v1", "api.example/v1", "http://"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="not an http or https address"):
        check_address(address)


def test_credentials_in_an_address_are_refused_and_never_printed() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_address("https://ann:secret@api.example/v1")
    assert "secret" not in str(caught.value)
    assert "GATEWAY_PROVIDER_KEYS" in str(caught.value)
