"""Why a model did not answer."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the columns; earlier failures have no reason."""
    for table in ("requests", "mirrors"):
        op.add_column(
            table, sa.Column("failure", sa.String(200), nullable=False, server_default="")
        )
