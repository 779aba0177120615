"""Paused rollouts."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Extend rollouts."""
    op.add_column("rollouts", sa.Column("paused", sa.Text(), nullable=True))
