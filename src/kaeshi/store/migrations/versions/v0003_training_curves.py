"""Training and validation settings of a job, and the provider's events."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Extend the training tables."""
    op.add_column("training_runs", sa.Column("method", sa.String(12), nullable=False, server_default="supervised"))
    op.add_column("training_runs", sa.Column("validation_file_id", sa.String(200), nullable=True))
    op.create_table(
        "training_events",
        sa.Column("assistant", sa.String(64), primary_key=True),
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
    )
