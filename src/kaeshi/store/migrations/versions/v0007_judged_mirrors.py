"""Mirrored answers that a judge has compared with production's."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add to mirrors."""
    op.add_column("mirrors", sa.Column("preferred", sa.String(12), nullable=True))
