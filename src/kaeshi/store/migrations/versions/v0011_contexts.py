"""What requests offer beside their messages, stored once by content."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add contexts, and what refers to them."""
    op.create_table(
        "contexts",
        sa.Column("assistant", sa.String(64), nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("assistant", "id", name="pk_contexts"),
    )
    op.add_column("conversations", sa.Column("context", sa.String(40), nullable=True))
    op.add_column("examples", sa.Column("context", sa.String(40), nullable=True))
