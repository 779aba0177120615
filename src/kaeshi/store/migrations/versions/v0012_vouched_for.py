"""Whose examples they are, and what people decided about customers' corrections."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

# examples of before know nothing of their customer: the next collection judges these again
AGAIN = """
INSERT INTO changes (assistant, conversation, version)
SELECT c.assistant, c.id, 1 FROM conversations c
JOIN examples e ON e.assistant = c.assistant AND e.conversation = c.id
WHERE c.source = 'gateway' AND NOT EXISTS (
  SELECT 1 FROM changes h WHERE h.assistant = c.assistant AND h.conversation = c.id)
"""


def upgrade() -> None:
    """Add the examples' accounts, and a table of decisions about corrections."""
    op.add_column(
        "examples", sa.Column("account", sa.String(40), nullable=False, server_default="")
    )
    op.add_column(
        "examples", sa.Column("is_unnamed", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.execute(AGAIN)
    op.create_table(
        "corrections",
        sa.Column("assistant", sa.String(64), nullable=False),
        sa.Column("submission", sa.String(300), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("note", sa.String(1000), nullable=False),
        sa.Column("answer", sa.Text, nullable=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("assistant", "submission", name="pk_corrections"),
    )
