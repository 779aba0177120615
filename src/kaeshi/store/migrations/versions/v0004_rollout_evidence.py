"""A rollout's plan, and the customers it has counted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Extend conversations and rollouts."""
    op.add_column("conversations", sa.Column("share", sa.Float(), nullable=True))
    op.add_column("rollouts", sa.Column("goal", sa.String(16), nullable=False, server_default="superior"))
    op.add_column("rollouts", sa.Column("plan", sa.Text(), nullable=True))
    op.create_table(
        "rollout_rows",
        sa.Column("assistant", sa.String(64), primary_key=True),
        sa.Column("rollout", sa.String(64), primary_key=True),
        sa.Column("customer", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("conversation", sa.String(200), nullable=False),
        sa.Column("arm", sa.String(12), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("is_returning", sa.Boolean(), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("assistant", "rollout", "number"),
    )
