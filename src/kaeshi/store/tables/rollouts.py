"""Who gets which candidate, and by what evidence."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)

from kaeshi.store.tables.columns import key, metadata, time

# who gets what
productions = Table(
    "productions",
    metadata,
    key("assistant", 64),
    Column("candidate", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    time("since"),
)
rollouts = Table(
    "rollouts",
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("candidate", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("percent", Float, nullable=False),
    Column("target_percent", Float, nullable=False),
    Column("version", Integer, nullable=False),
    time("mirror_until"),
    time("began_at"),
    time("changed_at"),
    Column("goal", String(16), nullable=False, server_default="superior"),
    Column("plan", Text),  # what it has to show; fixed when the canary begins, never changed
    Column("former", String(64)),  # its predecessor in production
    Column("paused", Text),  # who paused it, and why
    Column("trusted_by", String(200)),  # who resumed it after it was set aside
    CheckConstraint(
        "state in ('gate', 'mirror', 'canary', 'half', 'full', 'rolled_back')", name="state"
    ),
)
# at most one live candidate per assistant
Index(
    "uq_rollouts_live",
    rollouts.c.assistant,
    unique=True,
    sqlite_where=text("state in ('gate', 'mirror', 'canary', 'half')"),
    postgresql_where=text("state in ('gate', 'mirror', 'canary', 'half')"),
)
rollout_rows = Table(
    "rollout_rows",
    metadata,
    key("assistant", 64),
    key("rollout", 64),
    key("customer", 40),  # one row per customer: returning customers count once
    Column("number", Integer, nullable=False),  # in the order of entry
    Column("conversation", String(200), nullable=False),
    Column("arm", String(12), nullable=False),
    Column("share", Float, nullable=False),
    Column("is_returning", Boolean, nullable=False),
    Column("is_verified", Boolean, nullable=False, server_default=true()),
    Column("network", String(40), nullable=False, server_default=""),
    Column("foreseen", Text, nullable=False, server_default="[]"),
    Column("values", Text, nullable=False),
    time("started_at"),
    time("entered_at"),
    UniqueConstraint("assistant", "rollout", "number"),
)
rollout_audit = Table(
    "rollout_audit",
    metadata,
    key("assistant", 64),
    key("rollout", 64),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("before", String(12), nullable=False),
    Column("after", String(12), nullable=False),
    Column("by", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    time("at"),
)
