"""How far customers' votes are trusted."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add the columns; earlier examples are weighed at the next collection."""
    op.add_column(
        "examples", sa.Column("is_vouched", sa.Boolean, nullable=False, server_default=sa.true())
    )
    for name, width in (("network", 40), ("held", 200)):
        op.add_column(
            "examples", sa.Column(name, sa.String(width), nullable=False, server_default="")
        )
    op.add_column("examples", sa.Column("known", sa.Text, nullable=False, server_default=""))
    for name in ("probability", "bound"):
        op.add_column("examples", sa.Column(name, sa.Float))
    op.execute("UPDATE examples SET is_vouched = (account = '')")
    op.execute("UPDATE examples SET held = 'its votes are not weighed yet' WHERE account <> ''")
