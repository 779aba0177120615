"""Who may change things and read customer data."""

from fastapi import HTTPException, Request

from kaeshi.errors import Refused
from kaeshi.guard import may_call
from kaeshi.settings import Settings

ASK = 'Basic realm="kaeshi: the admin key is the password", charset="UTF-8"'


def require_caller(request: Request) -> None:
    """Raise Refused without the gateway's key or the admin key."""
    settings: Settings = request.app.state.settings
    headers = dict(request.scope["headers"])
    key = settings.gateway_key
    if key is None or not may_call(
        request.scope,
        headers,
        key.get_secret_value().encode(),
        is_for_pages=True,
    ):
        require_admin(request)


def require_reader(request: Request) -> None:
    """Let a browser ask for the admin key, as the password of any name, where one is set."""
    try:
        require_admin(request)
    except Refused as error:
        settings: Settings = request.app.state.settings
        if settings.kaeshi_admin_key is None:
            raise
        raise HTTPException(401, str(error), {"WWW-Authenticate": ASK}) from error


def require_reporter(request: Request) -> None:
    """Raise Refused without the key for outcomes or the admin key."""
    settings: Settings = request.app.state.settings
    key = settings.kaeshi_outcome_key
    if key is None or not may_call(
        request.scope, dict(request.scope["headers"]), key.get_secret_value().encode()
    ):
        require_admin(request)


def require_admin(request: Request) -> None:
    """Raise Refused without the admin key.

    Where no key is configured, requests from this machine are allowed.
    """
    settings: Settings = request.app.state.settings
    key = settings.kaeshi_admin_key
    if may_call(
        request.scope,
        dict(request.scope["headers"]),
        None if key is None else key.get_secret_value().encode(),
        proxies=settings.trusted_proxies,
    ):
        return
    if key is not None:
        msg = "send the admin key: as Authorization: Bearer KEY, or as the password in a browser"
        raise Refused(msg)
    msg = (
        "no admin key is configured, so only this machine may call; set KAESHI_ADMIN_KEY to "
        "allow others"
    )
    raise Refused(msg)
