"""Which master key the data keys are wrapped by."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the table; the next start enters the key that opens the texts."""
    op.create_table(
        "master_keys",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("fingerprint", sa.String(16), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_master_keys"),
    )
