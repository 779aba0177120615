"""Times that callers send."""

from datetime import datetime

from kaeshi.errors import InvalidInput


def moment_of(name: str, raw: object) -> datetime | None:
    """A time with its zone; None for None. Raises InvalidInput with the field and the value."""
    if raw is None:
        return None
    try:
        moment = datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        msg = (
            f"{name} {str(raw)[:40]!r} is not an ISO 8601 time with a zone, such as "
            "2025-10-31T12:00:00Z"
        )
        raise InvalidInput(msg)
    return moment
