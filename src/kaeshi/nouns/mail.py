"""A message to stakeholders."""

from datetime import datetime

from kaeshi.nouns.value import Value


class Mail(Value):
    """A message to stakeholders.

    `key` is derived from its content, so the same mail is never sent twice.
    """

    key: str
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str
