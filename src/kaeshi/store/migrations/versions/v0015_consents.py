"""What was said about consent, and when; the filters of each collection."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

EARLIER = """
INSERT INTO consents (assistant, conversation, number, consent, how, text, entered_by, recorded_at)
SELECT assistant, id, 1, consent, 'earlier', '', '', started_at
FROM conversations WHERE consent <> 'none'
"""


def upgrade() -> None:
    """Add them, with a row for each consent that stands."""
    op.add_column(
        "collection_runs", sa.Column("filters", sa.Text, nullable=False, server_default="")
    )
    op.create_table(
        "consents",
        sa.Column("assistant", sa.String(64), nullable=False),
        sa.Column("conversation", sa.String(200), nullable=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("consent", sa.String(20), nullable=False),
        sa.Column("how", sa.String(12), nullable=False),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("entered_by", sa.String(200), nullable=False),
        sa.Column("said_at", sa.BigInteger, nullable=True),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("assistant", "conversation", "number", name="pk_consents"),
    )
    op.execute(EARLIER)
