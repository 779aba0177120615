"""What several tests of tests/providers share."""

from datetime import UTC, datetime

from kaeshi.nouns import Mail

MAIL = Mail(
    key="report-1",
    at=datetime(2025, 11, 3, 12, tzinfo=UTC),
    sender="kaeshi@example.com",
    recipients=("a@example.com", "b@example.com"),
    subject="Week – ü",
    text="plain ü",
    html="<p>rich ü</p>",
)
