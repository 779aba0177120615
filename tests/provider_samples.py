"""What several tests of tests/providers share."""

from kaeshi.nouns import Mail

MAIL = Mail(
    key="report-1",
    sender="kaeshi@example.com",
    recipients=("a@example.com", "b@example.com"),
    subject="Week – ü",
    text="plain ü",
    html="<p>rich ü</p>",
)
