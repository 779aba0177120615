"""Claims about providers/outbox.py."""

from email import message_from_bytes, policy
from pathlib import Path

from kaeshi.providers.outbox import OutboxMailer, as_message
from provider_samples import MAIL


async def test_the_outbox_knows_what_it_holds(tmp_path: Path) -> None:
    mailer = OutboxMailer(tmp_path)
    assert await mailer.delivered(MAIL.key) is False
    path = await mailer.send(MAIL)
    assert await mailer.delivered(MAIL.key) is True
    assert (
        message_from_bytes(Path(path).read_bytes(), policy=policy.default)["to"]
        == "a@example.com, b@example.com"
    )


def test_a_mail_says_when_it_was_sent() -> None:
    assert as_message(MAIL)["Date"] == "Mon, 03 Nov 2025 12:00:00 +0000"
