"""What entries are about, where they come from, and until when they hold."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the columns; earlier entries are about anything and hold for ever."""
    for name, width in (("entity", 200), ("source", 500)):
        op.add_column(
            "entries", sa.Column(name, sa.String(width), nullable=False, server_default="")
        )
    for name in ("valid_from", "valid_until"):
        op.add_column("entries", sa.Column(name, sa.BigInteger))
    op.add_column("entries", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
