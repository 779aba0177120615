"""Claims about providers/outbox.py."""

from email import message_from_bytes, policy
from pathlib import Path

from kaeshi.providers.outbox import OutboxMailer
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
