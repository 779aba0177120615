"""Who may call one of the servers, and from where."""

from ipaddress import ip_network
from typing import Any

import pytest

from kaeshi.guard import client_address, may_call

PROXIES = (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"))
HOST = {b"host": b"127.0.0.1:8000"}


def scope(address: str) -> dict[str, Any]:
    return {"client": (address, 1)}


def forwarded(chain: str) -> dict[bytes, bytes]:
    return {**HOST, b"x-forwarded-for": chain.encode()}


@pytest.mark.parametrize(
    ("peer", "chain", "address"),
    [
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "127.0.0.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("198.51.100.1", "127.0.0.1", "198.51.100.1"),  # not a proxy of ours
        ("10.0.0.1", "not an address", "not an address"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_a_trusted_proxy_says_where_a_request_comes_from(
    peer: str, chain: str, address: str
) -> None:
    assert client_address(scope(peer), forwarded(chain), PROXIES) == address


def test_without_a_key_a_stranger_behind_a_proxy_is_refused() -> None:
    assert may_call(scope("127.0.0.1"), HOST, None)
    assert not may_call(scope("127.0.0.1"), forwarded("203.0.113.7"), None)
    assert not may_call(scope("127.0.0.1"), forwarded("203.0.113.7"), None, proxies=PROXIES)
    assert not may_call(scope("127.0.0.1"), forwarded("127.0.0.1"), None)
    assert may_call(scope("127.0.0.1"), forwarded("127.0.0.1"), None, proxies=PROXIES)


@pytest.mark.parametrize(
    "name",
    [
        "via",
        "forwarded",
        "x-real-ip",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-original-forwarded-for",
        "cf-connecting-ip",
        "true-client-ip",
        "x-envoy-external-address",
    ],
)
def test_whatever_a_proxy_says_a_request_through_one_is_not_local(name: str) -> None:
    headers = {**HOST, name.encode(): b"203.0.113.7"}
    assert not may_call(scope("127.0.0.1"), headers, None)
    # a proxy that is believed has to say where the request comes from
    assert not may_call(scope("127.0.0.1"), headers, None, proxies=PROXIES)
    assert may_call(scope("127.0.0.1"), headers, b"k", proxies=PROXIES) is False


@pytest.mark.parametrize("chain", ["", "5.5.5.5,", ",127.0.0.1"])
def test_a_chain_with_a_gap_is_not_local(chain: str) -> None:
    assert not may_call(scope("127.0.0.1"), forwarded(chain), None, proxies=PROXIES)


def test_every_line_of_a_chain_counts() -> None:
    lines = [(b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-for", b"127.0.0.1")]
    both = {"client": ("127.0.0.1", 1), "headers": [*HOST.items(), *lines]}
    assert client_address(both, dict(both["headers"]), PROXIES) == "203.0.113.7"
    assert not may_call(both, dict(both["headers"]), None, proxies=PROXIES)
