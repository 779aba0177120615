"""The files of each dataset, so that a training file is found without reading every manifest."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add dataset_files, filled from the manifests."""
    files = op.create_table(
        "dataset_files",
        sa.Column("assistant", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("dataset", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("assistant", "sha256", "dataset", name="pk_dataset_files"),
    )
    stored = op.get_bind().execute(sa.text("SELECT assistant, id, manifest FROM datasets"))
    rows = [
        {"assistant": assistant, "sha256": sha256, "dataset": dataset}
        for assistant, dataset, manifest in stored
        for sha256 in {f["sha256"] for f in json.loads(manifest).get("files", {}).values()}
    ]
    if rows:
        op.bulk_insert(files, rows)
