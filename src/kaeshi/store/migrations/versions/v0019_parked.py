"""Feedback that came before its message, and what reviewers decided, each by name."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "weighings",
        sa.Column("assistant", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("assistant"),
    )
    op.create_table(
        "parked_feedback",
        sa.Column("assistant", sa.String(64), nullable=False),
        sa.Column("id", sa.String(300), nullable=False),
        sa.Column("target", sa.String(16), nullable=False),
        sa.Column("about", sa.String(200), nullable=False),
        sa.Column("customer", sa.String(40), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("assistant", "id"),
    )
    op.create_table(
        "decisions",
        sa.Column("assistant", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("ref", sa.String(300), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("expected", sa.String(12), nullable=False),
        sa.Column("about", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("assistant", "id"),
    )
    op.create_index("ix_decisions_assistant_ref", "decisions", ["assistant", "ref"])
