"""Who may call. With an admin key: whoever sends it. Without one: this machine only."""

import hmac

from fastapi import Request

from kaeshi.errors import Refused
from kaeshi.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "::1"})


def require_admin(request: Request) -> None:
    """Raise Refused unless the caller may change things and see customer data.

    Pages of other sites cannot use a browser on this machine: a Host that is not loopback, or a foreign Origin, is turned away too.
    """
    settings: Settings = request.app.state.settings
    key = settings.kaeshi_admin_key
    if key is not None:
        sent = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(sent, f"Bearer {key.get_secret_value()}".encode()):
            msg = "send the admin key as Authorization: Bearer KEY"
            raise Refused(msg)
        return
    host = (request.url.hostname or "").lower()
    local = request.client is not None and request.client.host in LOOPBACK and host in {"127.0.0.1", "localhost", "::1"}
    origin = request.headers.get("origin")
    if not local or (origin is not None and origin != f"{request.url.scheme}://{request.url.netloc}"):
        msg = "no admin key is configured, so only this machine may call; set KAESHI_ADMIN_KEY to open the door"
        raise Refused(msg)
