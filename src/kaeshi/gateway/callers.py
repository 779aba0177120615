"""Who a caller's customer is, and which network a request comes from.

A customer's token is a JSON Web Token (RFC 7519) that the operator's back end signs with HS256:
`sub` is the customer's id, `exp` the time in seconds after which it is void.
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

import jwt

from kaeshi.gateway.requests import LONGEST_ID, Fault, Scope, given
from kaeshi.guard import client_address
from kaeshi.loop import Loop
from kaeshi.rules.threads import UNNAMED, UNVERIFIED
from kaeshi.store.keys import NETWORK, OWN_NETWORK

TOKEN = b"x-kaeshi-customer-token"
RESERVED = (UNVERIFIED, UNNAMED)
TOKENS_KEPT = 4096
ADDRESSES_KEPT = 4096
LATEST = 253_402_300_800  # the year 10000
# of this machine or the team: a back end's address, which says nothing of its customers
OWN_NETWORKS = tuple(
    ip_network(each)
    for each in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
NETWORK_BITS = {4: 24, 6: 48}  # what one subscriber or office usually has


class Callers:
    """Reads customers' tokens and callers' networks."""

    def __init__(self, loop: Loop) -> None:
        secret = loop.settings.gateway_customer_secret
        self._secret = None if secret is None else secret.get_secret_value()
        self._proxies = loop.settings.trusted_proxies
        self._keyring = loop.store.keyring
        self._clock = loop.clock
        self._read = lru_cache(TOKENS_KEPT)(self._decoded)
        self._digest = lru_cache(ADDRESSES_KEPT)(self._network_digest)

    def customer(self, headers: Mapping[bytes, bytes], said: str | None) -> tuple[str | None, bool]:
        """(the customer, whether a token says so).

        `said`: the name that the request gives. Where tokens are used, a name without one stands
        apart from the customer of that name. Raises Fault for a token that is not valid.
        """
        token = given(headers, TOKEN)
        if token is None:
            return None if said is None else self.doubted(said), False
        if self._secret is None:
            raise Fault(
                400, "X-Kaeshi-Customer-Token was sent, and GATEWAY_CUSTOMER_SECRET is unset"
            )
        customer, until = self._read(token)
        if until <= self._clock.now().timestamp():
            raise _refused("it has expired")
        return customer, True

    def doubted(self, said: str) -> str:
        """The customer of a name that no token vouches for, where tokens are used."""
        return said if self._secret is None else f"{UNVERIFIED}{said}"

    @property
    def uses_tokens(self) -> bool:
        """Whether only a token says who a customer is."""
        return self._secret is not None

    def network(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """A keyed digest of the caller's network; empty where it has no address."""
        return self._digest(client_address(scope, headers, self._proxies))

    def _decoded(self, token: str) -> tuple[str, float]:
        assert self._secret is not None  # checked by the caller
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                # the time is compared with our own clock
                options={"require": ["sub", "exp"], "verify_exp": False, "verify_aud": False},
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise _refused(str(error)[:200]) from error
        customer: str = claims["sub"]
        until = claims["exp"]
        if not 0 < len(customer) <= LONGEST_ID or not customer.isprintable():
            raise _refused(f"sub must have 1 to {LONGEST_ID} printable characters")
        if customer.startswith(RESERVED):
            raise _refused(f"sub must not begin with {' or '.join(RESERVED)}")
        # NaN and infinity are numbers too, and would be valid for ever
        if not isinstance(until, int | float) or not 0 < until < LATEST:
            raise _refused("exp must be a number of seconds since 1970")
        return customer, float(until)

    def _network_digest(self, address: str) -> str:
        network = network_of(address)
        if not network:
            return ""
        own_ones = [own for own in OWN_NETWORKS if own.version == ip_network(network).version]
        is_own = any(ip_network(network).network_address in own for own in own_ones)
        return self._keyring.pseudonym("", network, OWN_NETWORK if is_own else NETWORK)


def network_of(address: str) -> str:
    """The network of an address, as much as one subscriber or office has; empty without one."""
    try:
        found = ip_address(address)
    except ValueError:  # a socket's path
        return ""
    plain = getattr(found, "ipv4_mapped", None) or found  # as a dual-stack socket names IPv4
    return str(ip_network(f"{plain}/{NETWORK_BITS[plain.version]}", strict=False))


def _refused(why: str) -> Fault:
    return Fault(
        401,
        f"X-Kaeshi-Customer-Token is not valid: {why}; the back end makes one with "
        "GATEWAY_CUSTOMER_SECRET (HS256, sub and exp)",
    )
