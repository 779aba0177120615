"""Predictions from first messages for counted customers."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Extend rollout_rows."""
    op.add_column("rollout_rows", sa.Column("foreseen", sa.Text, nullable=False, server_default="[]"))
