"""Who may call the gateway: holders of the key; without a key, this machine only."""

import hmac
from collections.abc import Mapping
from typing import Any

LOOPBACK = frozenset({"127.0.0.1", "::1"})
LOCAL_NAMES = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})


def may_call(scope: Mapping[str, Any], headers: Mapping[bytes, bytes], key: bytes | None) -> bool:
    """Whether this request may be answered.

    Without a key, a Host that is not loopback or a foreign Origin is refused, so that pages of
    other sites cannot use a browser on this machine.
    """
    if key is not None:
        return hmac.compare_digest(headers.get(b"authorization", b""), b"Bearer " + key)
    host = headers.get(b"host", b"").lower()
    if (scope.get("client") or ("",))[0] not in LOOPBACK or (
        host if host.endswith(b"]") else host.rsplit(b":", 1)[0]
    ) not in LOCAL_NAMES:
        return False
    origin = headers.get(b"origin")
    return origin is None or origin == scope.get("scheme", "http").encode() + b"://" + host
