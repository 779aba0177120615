"""What the gateway could and could not read of an answer, and who was asking."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Extend requests."""
    op.add_column("requests", sa.Column("answer_id", sa.String(200), nullable=True))
    op.add_column("requests", sa.Column("unread", sa.String(100), nullable=True))
    for name in ("is_unknown", "is_estimated"):
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("requests", column)
    op.create_index("ix_requests_assistant_answer_id", "requests", ["assistant", "answer_id"])
