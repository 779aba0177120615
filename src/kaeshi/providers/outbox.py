"""Mails as .eml files in a folder, for deployments without a mail server."""

from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from kaeshi.files import write_whole
from kaeshi.nouns import Mail


class OutboxMailer:
    """A Mailer. The file is named after the mail's key, so a repeated mail is the same file."""

    name = "outbox"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, mail: Mail) -> str:
        """Write the mail; returns the path."""
        path = self._folder / f"{mail.key}.eml"
        write_whole(path, as_message(mail).as_bytes())
        return str(path)

    async def delivered(self, key: str) -> bool | None:
        """Whether the file exists."""
        return (self._folder / f"{key}.eml").exists()


def as_message(mail: Mail) -> EmailMessage:
    """The mail with a text part and an HTML part.

    EmailMessage refuses line breaks in header values.
    """
    message = EmailMessage()
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.recipients)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.at)
    message["Message-ID"] = f"<{mail.key}@kaeshi>"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message
