"""Notifies people: by a webhook as Slack, Mattermost and Teams accept, or in the log."""

import logging

from kaeshi.errors import ProviderError

TIMEOUT_S = 10
log = logging.getLogger("kaeshi.decisions")


class WebhookNotifier:
    """Posts {"text": ...} to an address."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def tell(self, text: str) -> None:
        """Raises ProviderError when it was not accepted."""
        import aiohttp  # where it is used: it takes a tenth of a second

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
                session.post(self._url, json={"text": text}) as response,
            ):
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            msg = (
                f"the decision webhook cannot be reached: {type(error).__name__}; check "
                "KAESHI_WEBHOOK_URL"
            )
            raise ProviderError(msg) from error
        if status >= 300:  # noqa: PLR2004 RUF100  # the first HTTP status that is not a success
            msg = f"the decision webhook answered {status}; check KAESHI_WEBHOOK_URL"
            raise ProviderError(msg)


class LogNotifier:
    """Writes to the log."""

    async def tell(self, text: str) -> None:
        log.info("%s", text)
