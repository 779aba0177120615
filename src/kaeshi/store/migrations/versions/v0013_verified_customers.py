"""Which customers are verified, where they came from, and who trusts a rollout."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

# no token was ever checked before; what an operator logged is the operator's word
UNVERIFIED = """
UPDATE conversations SET is_verified = %s WHERE source = 'gateway'
"""


def upgrade() -> None:
    """Add them; conversations through the gateway were not verified."""
    for table in ("conversations", "rollout_rows"):
        op.add_column(
            table, sa.Column("is_verified", sa.Boolean, nullable=False, server_default=sa.true())
        )
        op.add_column(
            table, sa.Column("network", sa.String(40), nullable=False, server_default="")
        )
    op.add_column("rollouts", sa.Column("trusted_by", sa.String(200), nullable=True))
    op.execute(UNVERIFIED % ("false" if op.get_bind().dialect.name == "postgresql" else "0"))
