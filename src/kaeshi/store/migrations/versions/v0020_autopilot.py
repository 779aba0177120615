"""What the autopilot does, one candidate at a time, and answers that an operator brought."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Create the table, and add a column to the examples."""
    op.add_column(
        "examples", sa.Column("is_logged", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.execute("UPDATE examples SET is_logged = (account = '')")
    _create_runs()
    op.create_index(
        "uq_autopilot_runs_open",
        "autopilot_runs",
        ["assistant"],
        unique=True,
        sqlite_where=sa.text("is_open"),
        postgresql_where=sa.text("is_open"),
    )


def _create_runs() -> None:
    op.create_table(
        "autopilot_runs",
        sa.Column("assistant", sa.String(64), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("approved_by", sa.String(200)),
        sa.Column("held_by", sa.String(200)),
        sa.Column("training_run", sa.String(64)),
        sa.Column("candidate", sa.String(300)),
        sa.Column("rollout", sa.String(64)),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("found", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("assistant", "id"),
        sa.UniqueConstraint("assistant", "fingerprint"),
    )
