"""Who may call one of the servers: holders of the key; without a key, this machine only.

The gateway, the API and the trainer's server share it.
"""

import hmac
from base64 import b64decode
from collections.abc import Container, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

Networks = Sequence[IPv4Network | IPv6Network]

LOOPBACK = frozenset({"127.0.0.1", "::1"})
# a proxy on this machine makes every stranger local, and says so in these
FORWARDED = (b"forwarded", b"x-forwarded", b"x_forwarded", b"x-original", b"x-envoy", b"tailscale-")
FORWARDING = frozenset(
    {
        b"via",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-proxyuser-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"cf-ray",
        b"cdn-loop",
        b"client-ip",
        b"do-connecting-ip",
        b"fastly-client-ip",
        b"wl-proxy-client-ip",
        b"x-amzn-trace-id",
        b"x-appengine-user-ip",
        b"x-azure-clientip",
        b"x-remote-addr",
        b"x-vercel-forwarded-for",
        b"fly-client-ip",
    }
)
LOCAL_NAMES = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})


def may_call(
    scope: Mapping[str, Any],
    headers: Mapping[bytes, bytes],
    key: bytes | None,
    *,
    origins: Container[str] = (),
    is_for_pages: bool = False,
    proxies: Networks = (),
) -> bool:
    """Whether this request may be answered.

    A page of another site, which a browser names in Origin, may call only if it is one of
    `origins`, or with a key that is meant for pages (`is_for_pages`): the admin key is not. Without
    a key, the caller and the Host must be loopback, so that pages of other sites cannot use a
    browser on this machine, and nothing may have been forwarded, except by one of `proxies`, which
    says from where.
    """
    may_come = is_own_page(headers) or origin_of(headers) in origins
    if key is not None:
        return (may_come or is_for_pages) and hmac.compare_digest(credential(headers), key)
    return may_come and _is_local(scope, headers, proxies)


def _is_local(scope: Mapping[str, Any], headers: Mapping[bytes, bytes], proxies: Networks) -> bool:
    """Whether the request was made on this machine, and for this machine."""
    peer = (scope.get("client") or ("",))[0]
    # a proxy that is believed, and does not say from where, says nothing
    is_told = _is_among(peer, proxies) and all(_chain(scope, headers))
    if not is_told and any(map(_says_forwarded, headers)):
        return False
    host = headers.get(b"host", b"").lower()
    name = host if host.endswith(b"]") else host.rsplit(b":", 1)[0]
    return client_address(scope, headers, proxies) in LOOPBACK and name in LOCAL_NAMES


def client_address(
    scope: Mapping[str, Any], headers: Mapping[bytes, bytes], proxies: Networks
) -> str:
    """The address that the request comes from; empty where it is not known.

    A proxy among `proxies` is believed about the one before it, from the right of X-Forwarded-For
    to the left: what is further left was written by the client.
    """
    address: str = (scope.get("client") or ("",))[0]
    before = _chain(scope, headers)
    while _is_among(address, proxies) and before and before[-1]:
        address = before.pop()
    return address


def _chain(scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> list[str]:
    """The addresses of X-Forwarded-For, of all its lines; one empty address where there is none."""
    listed = scope.get("headers") or headers.items()
    lines = [value for name, value in listed if name == b"x-forwarded-for"]
    return [part.strip() for part in b",".join(lines).decode("latin-1").split(",")]


def _says_forwarded(name: bytes) -> bool:
    return name in FORWARDING or name.startswith(FORWARDED)


def _is_among(address: str, networks: Networks) -> bool:
    try:
        found = ip_address(address)
    except ValueError:  # a socket's path, or a name that a proxy made up
        return False
    return any(found in network for network in networks)


def credential(headers: Mapping[bytes, bytes]) -> bytes:
    """The key that the caller sent.

    As a bearer, as the password that a browser asks for (any name), or as Azure's clients do.
    """
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return key.strip()
    if scheme.lower() == b"basic":
        return _password(key)
    return headers.get(b"api-key", b"")


def _password(encoded: bytes) -> bytes:
    """The password of RFC 7617; empty where it cannot be read."""
    try:
        return b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return b""


def origin_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The origin of the page that sends the request; None outside a browser."""
    origin = headers.get(b"origin")
    return None if origin is None else origin.decode("latin-1")


def is_own_page(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the request comes from no page, or from one of this server."""
    origin = headers.get(b"origin")
    if origin is None:
        return True
    host: bytes = headers.get(b"host", b"").lower()
    # the scheme is not compared: behind a proxy that ends TLS it differs
    return origin.rpartition(b"//")[2] == host
