"""What may be learned, what was learned, and what the answer must satisfy."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from kaeshi.store.tables.columns import key, metadata, time

# what may be learned
examples = Table(
    "examples",
    metadata,
    key("assistant", 64),
    key("id", 40),
    Column("conversation", String(200), nullable=False),
    Column("kept", Boolean, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("upto", Integer),
    Column("signals", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("consent", String(20), nullable=False),
    Column("intent", String(200), nullable=False),
    Column("messages", Text),  # scrubbed; null when dropped
    Column("pii", Text, nullable=False),  # counts by type
    Column("scrubber", String(64), nullable=False),
    Column("context", String(40)),
    # of customers who came through the gateway; empty for what an operator logged or imported
    Column("account", String(40), nullable=False, server_default=""),
    # an operator brought the answer: of an import, or a colleague's in a conversation handed over
    Column("is_logged", Boolean, nullable=False, server_default=false()),
    Column("is_unnamed", Boolean, nullable=False, server_default=false()),
    Column("is_vouched", Boolean, nullable=False, server_default=true()),
    Column("network", String(40), nullable=False, server_default=""),
    Column("probability", Float),  # that the answer is right; null until it is weighed
    Column("known", Text, nullable=False, server_default=""),  # what it was made of
    Column("bound", Float),  # of the independent customers who call it right
    Column("held", String(200), nullable=False, server_default=""),  # why a person must look first
    Column("review", String(12), nullable=False),
    Column("reviewed_by", String(200)),
    Column("note", String(1000)),
    time("started_at"),
    time("judged_at"),
    time("reviewed_at", nullable=True),
    UniqueConstraint("assistant", "conversation"),
    Index(None, "assistant", "kept"),
)
corrections = Table(
    "corrections",  # what people decided about corrections that customers gave
    metadata,
    key("assistant", 64),
    key("submission", 300),
    Column("state", String(12), nullable=False),
    Column("by", String(200), nullable=False),
    Column("note", String(1000), nullable=False),
    Column("answer", Text),  # scrubbed, where the reviewer gave another one
    time("at"),
)
weighings = Table(
    "weighings",  # by what settings, model and entries the examples were weighed last
    metadata,
    key("assistant", 64),
    Column("fingerprint", String(64), nullable=False),
)
decisions = Table(
    "decisions",  # each reviewer's word; what came of it is with the item
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("ref", String(300), nullable=False),
    Column("by", String(200), nullable=False),
    Column("state", String(12), nullable=False),
    Column("expected", String(12), nullable=False),  # of a control, whose answer was known; or ""
    Column("about", String(32), nullable=False),  # a digest of what was decided about
    time("at"),
    Index(None, "assistant", "ref"),
)
collection_runs = Table(
    "collection_runs",
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("kept", Integer, nullable=False),
    Column("dropped", Text, nullable=False),
    Column("filters", Text, nullable=False, server_default=""),
    time("started_at"),
    time("finished_at"),
)
datasets = Table(
    "datasets",
    metadata,
    key("assistant", 64),
    key("id", 40),
    Column("path", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    time("created_at"),
)
dataset_examples = Table(
    "dataset_examples",
    metadata,
    key("assistant", 64),
    key("dataset", 40),
    key("example", 40),
    Column("split", String(12), nullable=False),
)
dataset_files = Table(
    "dataset_files",
    metadata,
    key("assistant", 64),
    key("sha256", 64),
    key("dataset", 40),
)

# what was learned
training_files = Table(
    "training_files",
    metadata,
    key("assistant", 64),
    key("provider", 300),
    key("sha256", 64),
    Column("state", String(12), nullable=False),
    Column("file_id", String(200)),
    Column("tokens", Integer, nullable=False, server_default="0"),
    time("created_at"),
    time("updated_at"),
)
training_runs = Table(
    "training_runs",
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("key", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("base_model", String(200), nullable=False),
    Column("suffix", String(64), nullable=False),
    Column("epochs", Integer, nullable=False),
    Column("provider", String(300), nullable=False),
    Column("file_sha256", String(64), nullable=False),
    Column("dataset", String(40)),
    Column("file_id", String(200)),
    Column("job_id", String(200)),
    Column("model", String(300)),
    Column("error", Text),
    Column("method", String(12), nullable=False, server_default="supervised"),
    Column("validation_file_id", String(200)),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("asks", Integer, nullable=False, server_default="0"),
    Column("asked_at", BigInteger),
    Column("reserved_nano_usd", BigInteger, nullable=False, server_default="0"),
    Column("booked_nano_usd", BigInteger),
    Column("trained_tokens", BigInteger),
    time("created_at"),
    time("updated_at"),
    UniqueConstraint("assistant", "key"),
    Index("one_run_per_job", "assistant", "provider", "job_id", unique=True),
)
training_events = Table(
    "training_events",
    metadata,
    key("assistant", 64),
    key("run", 64),
    key("id"),
    Column("number", Integer, nullable=False),  # in the order of arrival: many fall into one second
    time("at"),
    Column("message", Text, nullable=False),
    Column("figures", Text, nullable=False),
)
candidates = Table(
    "candidates",
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("kind", String(16), nullable=False),
    Column("model", String(300), nullable=False),
    Column("run", String(64)),
    Column("evidence", Text, nullable=False),
    time("created_at"),
    Column("serving", Text, nullable=False, server_default="{}"),
    UniqueConstraint("assistant", "model"),
)

# what the answer must satisfy
test_cases = Table(
    "test_cases",
    metadata,
    key("assistant", 64),
    key("id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    time("created_at"),
)
evaluations = Table(
    "evaluations",
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("model", String(300), nullable=False),
    Column("cases_sha256", String(64), nullable=False),
    Column("passed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("results", Text, nullable=False),
    time("at"),
    Index(None, "assistant", "model"),
)
spendings = Table(
    "spendings",  # money for other things than training runs
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("what", String(300), nullable=False),
    Column("reserved_nano_usd", BigInteger, nullable=False),
    Column("booked_nano_usd", BigInteger),
    time("at"),
)
autopilot_runs = Table(
    "autopilot_runs",  # one candidate at a time, and what came of it
    metadata,
    key("assistant", 64),
    key("id", 64),
    Column("state", String(12), nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("plan", Text, nullable=False),
    Column("approved_by", String(200)),
    Column("held_by", String(200)),
    Column("training_run", String(64)),
    Column("candidate", String(300)),
    Column("rollout", String(64)),
    Column("why", Text, nullable=False),
    Column("found", Text, nullable=False),
    Column("version", Integer, nullable=False),
    time("began_at"),
    time("changed_at"),
    UniqueConstraint("assistant", "fingerprint"),
)
Index(
    "uq_autopilot_runs_open",
    autopilot_runs.c.assistant,
    unique=True,
    sqlite_where=autopilot_runs.c.is_open,
    postgresql_where=autopilot_runs.c.is_open,
)
