"""Sending people one sentence about a decision or an alarm."""

import logging

from kaeshi.errors import ProviderError
from kaeshi.loop import Loop

log = logging.getLogger("kaeshi.rollout")


async def notify(loop: Loop, text: str) -> None:
    """Send people one sentence; the transition stays when that fails."""
    try:
        await loop.notifier.tell(text)
    except ProviderError as error:
        log.warning("%s; the message was: %s", error, text)
