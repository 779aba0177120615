"""The judge's preferences between mirrored answers and production's."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Extend mirrors."""
    op.add_column("mirrors", sa.Column("preferred", sa.String(12), nullable=True))
