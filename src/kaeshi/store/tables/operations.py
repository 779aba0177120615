"""What may be said; sent reports and mails, and job slots."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from kaeshi.store.tables.columns import key, metadata, time

# what may be said
entries = Table(
    "entries",
    metadata,
    key("assistant", 64),
    key("id", 40),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("conversation", String(200)),
    Column("score", Integer, nullable=False),
    Column("by", String(200)),
    Column("note", String(1000)),
    Column("entity", String(200), nullable=False, server_default=""),
    Column("source", String(500), nullable=False, server_default=""),
    time("valid_from", nullable=True),
    time("valid_until", nullable=True),
    Column("version", Integer, nullable=False, server_default="1"),
    time("at"),
    Index(None, "assistant", "state"),
)
vectors = Table(
    "vectors",
    metadata,
    key("assistant", 64),
    key("sha256", 64),
    key("model", 100),
    Column("vector", LargeBinary, nullable=False),
)
index_builds = Table(
    "index_builds",
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("path", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("manifest", Text, nullable=False),
    time("at"),
)
index_entries = Table(
    "index_entries",
    metadata,
    key("assistant", 64),
    key("build", 64),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("entry", String(40), nullable=False),
)

# sent reports and mails, and job slots
reports = Table(
    "reports",
    metadata,
    key("assistant", 64),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    time("made_at"),
)
mails = Table(
    "mails",
    metadata,
    key("assistant", 64),
    key("key", 64),
    Column("state", String(12), nullable=False),
    Column("mailer", String(32), nullable=False),
    Column("place", Text, nullable=False),
    time("created_at"),
    time("updated_at"),
)
job_slots = Table(
    "job_slots",
    metadata,
    key("assistant", 64),
    key("job", 64),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(12), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    time("lease_until"),
    time("started_at"),
    time("finished_at", nullable=True),
)
