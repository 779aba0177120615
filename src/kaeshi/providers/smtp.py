"""Mails over SMTP."""

import logging
from collections.abc import Mapping
from typing import Any

import aiosmtplib

from kaeshi.errors import ProviderError, ProviderUnknown
from kaeshi.nouns import Mail
from kaeshi.providers.outbox import as_message
from kaeshi.settings import Settings

TIMEOUT_S = 30.0
log = logging.getLogger("kaeshi.mail")


class SmtpMailer:
    """A Mailer.

    When the connection breaks after the mail was handed over, its fate is unknown and it is not
    sent again.
    """

    name = "smtp"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, mail: Mail) -> str:
        """Hand the mail to the server; returns where it is, and which recipients it refused.

        It is not sent again to those: the others would get it twice. Raises ProviderError for a
        refusal, ProviderUnknown when the outcome is not known.
        """
        s = self._settings
        password = s.smtp_password.get_secret_value() if s.smtp_password else None
        try:
            refused, _ = await aiosmtplib.send(
                as_message(mail),
                hostname=s.smtp_host,
                port=s.smtp_port,
                username=s.smtp_user,
                password=password,
                start_tls=s.smtp_start_tls,
                timeout=TIMEOUT_S,
            )
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPReadTimeoutError) as error:
            msg = (
                f"mail server {s.smtp_host}:{s.smtp_port} went silent while taking the mail "
                f"{mail.key!r}; look there before sending again"
            )
            raise ProviderUnknown(msg) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            msg = (
                f"mail server {s.smtp_host}:{s.smtp_port} did not take the mail: {error}; check "
                "SMTP_HOST, SMTP_PORT and SMTP_START_TLS"
            )
            raise ProviderError(msg) from error
        return f"{s.smtp_host}:{s.smtp_port}{_without(refused)}"

    async def delivered(self, key: str) -> bool | None:  # noqa: ARG002  # the port's signature
        """SMTP cannot tell."""
        return None


def _without(refused: Mapping[str, Any]) -> str:
    """The recipients that a server refused while it took the mail for others; also logged."""
    if not refused:
        return ""
    log.error("the mail server refused %s; the others have the mail", ", ".join(refused))
    return f" (not to {', '.join(refused)})"
