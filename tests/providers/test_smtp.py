"""Claims about providers/smtp.py."""

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from kaeshi.errors import ProviderError
from kaeshi.providers.smtp import SmtpMailer
from kaeshi.settings import Settings
from provider_samples import MAIL


class Inbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refused: set[str] = set()

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "450 busy"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    handler = Inbox()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


async def test_a_mail_arrives_with_both_parts(inbox: tuple[Inbox, int]) -> None:
    handler, port = inbox
    mailer = SmtpMailer(Settings(smtp_host="127.0.0.1", smtp_port=port, smtp_start_tls=False))
    await mailer.send(MAIL)
    (mail,) = handler.mails
    assert (mail["subject"], mail["to"]) == ("Week – ü", "a@example.com, b@example.com")
    assert mail.get_body(("plain",)).get_content().strip() == "plain ü"
    assert "rich ü" in mail.get_body(("html",)).get_content()
    assert await mailer.delivered(MAIL.key) is None


async def test_a_mail_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ProviderError, match="SMTP_HOST"):
        await SmtpMailer(Settings(smtp_host="127.0.0.1", smtp_port=1, smtp_start_tls=False)).send(
            MAIL
        )


async def test_a_recipient_that_is_refused_beside_others_is_named(
    inbox: tuple[Inbox, int], caplog: pytest.LogCaptureFixture
) -> None:
    handler, port = inbox
    handler.refused = {"a@example.com"}
    mailer = SmtpMailer(Settings(smtp_host="127.0.0.1", smtp_port=port, smtp_start_tls=False))
    assert (await mailer.send(MAIL)).endswith("(not to a@example.com)")
    assert "refused a@example.com" in caplog.text
    assert len(handler.mails) == 1
