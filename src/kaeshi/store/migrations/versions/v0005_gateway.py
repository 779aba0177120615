"""Gateway traffic: requests, digests of conversations, spool offsets and mirrored answers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Extend candidates and rollouts."""
    op.add_column("candidates", sa.Column("serving", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("rollouts", sa.Column("former", sa.String(64), nullable=True))
    op.create_table(
        "prefixes",
        sa.Column("assistant", sa.String(64), primary_key=True),
        sa.Column("digest", sa.String(40), primary_key=True),
        sa.Column("conversation", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("assistant", sa.String(64), primary_key=True),
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("conversation", sa.String(200), nullable=False),
        sa.Column("experiment", sa.String(200), nullable=True),
        sa.Column("arm", sa.String(12), nullable=True),
        sa.Column("share", sa.Float(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(300), nullable=True),
        sa.Column("finish_reason", sa.String(40), nullable=True),
        sa.Column("streamed", sa.Boolean(), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("first_token_ms", sa.Float(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_requests_assistant_experiment_at", "requests", ["assistant", "experiment", "at"])
    op.create_index("ix_requests_assistant_conversation", "requests", ["assistant", "conversation"])
    op.create_table(
        "spools",
        sa.Column("assistant", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "mirrors",
        sa.Column("assistant", sa.String(64), primary_key=True),
        sa.Column("request", sa.String(200), primary_key=True),
        sa.Column("experiment", sa.String(200), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("same", sa.Boolean(), nullable=True),
        sa.Column("broken", sa.Text(), nullable=False),
        sa.Column("latency_ms", sa.Float(), nullable=True),
        sa.Column("production_ms", sa.Float(), nullable=True),
        sa.Column("cost_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_mirrors_assistant_experiment_at", "mirrors", ["assistant", "experiment", "at"])
