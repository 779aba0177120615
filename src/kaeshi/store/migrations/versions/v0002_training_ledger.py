"""Questions to providers about training runs, reserved and booked costs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Extend the training tables; earlier runs get the new names for their state."""
    op.add_column("training_files", sa.Column("tokens", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("training_runs", sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("training_runs", sa.Column("asks", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("training_runs", sa.Column("asked_at", sa.BigInteger(), nullable=True))
    op.add_column("training_runs", sa.Column("reserved_nano_usd", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("training_runs", sa.Column("booked_nano_usd", sa.BigInteger(), nullable=True))
    op.add_column("training_runs", sa.Column("trained_tokens", sa.BigInteger(), nullable=True))
    op.execute("UPDATE training_runs SET asks = 1, asked_at = updated_at WHERE state IN ('planned', 'uploading', 'starting')")
    op.execute("UPDATE training_runs SET state = 'intent' WHERE state IN ('planned', 'uploading', 'starting')")
    op.execute("UPDATE training_runs SET state = 'created' WHERE state = 'queued'")
    op.create_index("one_run_per_job", "training_runs", ["assistant", "provider", "job_id"], unique=True)
