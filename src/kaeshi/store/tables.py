"""Every table.

The assistant is in every primary and unique key; times are microseconds since 1970 in UTC; JSON is
text. Raw customer text is in `texts` alone, sealed under the customer's data key.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str, length: int = 200) -> Column[str]:
    return Column(name, String(length), primary_key=True)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


customers = Table(
    "customers",
    metadata,
    _key("assistant", 64),
    _key("id", 40),  # a keyed hash of the caller's own id
    Column("wrapped_key", LargeBinary),  # deleting it erases the customer in every copy of `texts`
    _time("created_at"),
)

# what was said
conversations = Table(
    "conversations",
    metadata,
    _key("assistant", 64),
    _key("id"),
    Column("customer", String(40), nullable=False),
    Column("source", String(200), nullable=False),
    Column("domains", Text, nullable=False),
    Column("intents", Text, nullable=False),
    Column("consent", String(20), nullable=False),
    Column("experiment", String(200)),
    Column("arm", String(12)),
    Column("share", Float),  # of the candidate, when the arm was chosen
    Column("message_count", Integer, nullable=False),
    Column("contained", Boolean),
    _time("started_at"),
    _time("last_at"),
    _time("closed_at", nullable=True),
    Index(None, "assistant", "closed_at", "last_at"),
    Index(None, "assistant", "started_at"),
    Index(None, "assistant", "experiment", "arm"),
)
messages = Table(
    "messages",
    metadata,
    _key("assistant", 64),
    _key("id"),
    Column("conversation", String(200), nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", String(12), nullable=False),
    Column(
        "mac", LargeBinary, nullable=False
    ),  # keyed digest of the text: separates a repeat from a change without revealing either
    Column("confidence", Float),
    Column("model", String(200)),
    Column("response_ms", Float),
    Column("cost_nano_usd", BigInteger),
    Column("act", String(200)),
    _time("at"),
    UniqueConstraint("assistant", "conversation", "position"),
)
texts = Table(
    "texts",
    metadata,
    _key("assistant", 64),
    _key("kind", 12),
    _key("ref"),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("customer", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "assistant", "customer"),
)
outcomes = Table(
    "outcomes",
    metadata,
    _key("assistant", 64),
    _key("conversation"),
    _key("name", 64),
    _key("key", 32),  # derived from value, time and source: a repeated report is the same row
    Column("value", Text, nullable=False),
    Column("source", String(64), nullable=False),
    _time("at"),
    _time("reported_at"),
)
prefixes = Table(
    "prefixes",
    metadata,
    _key("assistant", 64),
    _key("digest", 40),  # keyed, of the conversation up to a reply
    Column("conversation", String(200), nullable=False),  # empty: several conversations share it
    Column("position", Integer, nullable=False),  # number of messages up to there
)
requests = Table(
    "requests",
    metadata,
    _key("assistant", 64),
    _key("id"),  # of the reply's message
    Column("conversation", String(200), nullable=False),
    Column("experiment", String(200)),
    Column("arm", String(12)),
    Column("share", Float),
    Column("epoch", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("model", String(300)),
    Column("finish_reason", String(40)),
    Column("streamed", Boolean, nullable=False),
    Column("latency_ms", Float),
    Column("first_token_ms", Float),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost_nano_usd", BigInteger),
    _time("at"),
    Index(None, "assistant", "experiment", "at"),
    Index(None, "assistant", "conversation"),
)
spools = Table(
    "spools",
    metadata,
    _key("assistant", 64),
    _key("name"),
    Column("taken", BigInteger, nullable=False),  # offset up to which it is stored
    Column("dropped", Integer, nullable=False),  # requests that its gateway could not log
    _time("changed_at"),
)
mirrors = Table(
    "mirrors",
    metadata,
    _key("assistant", 64),
    _key("request"),
    Column("experiment", String(200), nullable=False),
    Column("state", String(12), nullable=False),  # answered, failed, dropped
    Column("same", Boolean),
    Column("broken", Text, nullable=False),  # policy checks that only the candidate's answer breaks
    Column("preferred", String(12)),  # by a judge: candidate, production, tie
    Column("latency_ms", Float),
    Column("production_ms", Float),
    Column("cost_nano_usd", BigInteger),
    _time("at"),
    Index(None, "assistant", "experiment", "at"),
)
changes = Table(
    "changes",
    metadata,
    _key("assistant", 64),
    _key("conversation"),
    Column("version", Integer, nullable=False),
)  # conversations to be judged (again)

# what people thought of it
feedback_current = Table(
    "feedback_current",
    metadata,
    _key("assistant", 64),
    _key("message"),
    _key("author", 40),
    _key("metric", 12),
    Column(
        "value", String(16), nullable=False
    ),  # for comments and corrections only the length; the text is in `texts`
    Column("submission", String(300), nullable=False),
    _time("at"),
    Index(None, "assistant", "at"),
)
feedback_history = Table(
    "feedback_history",
    metadata,
    _key("assistant", 64),
    _key("submission", 300),
    _key("metric", 12),
    Column("message", String(200), nullable=False),
    Column("author", String(40), nullable=False),
    Column("value", String(16), nullable=False),
    _time("at"),
    Index(None, "assistant", "message"),
)

# what may be learned
examples = Table(
    "examples",
    metadata,
    _key("assistant", 64),
    _key("id", 40),
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
    Column("review", String(12), nullable=False),
    Column("reviewed_by", String(200)),
    Column("note", String(1000)),
    _time("started_at"),
    _time("judged_at"),
    _time("reviewed_at", nullable=True),
    UniqueConstraint("assistant", "conversation"),
    Index(None, "assistant", "kept"),
)
collection_runs = Table(
    "collection_runs",
    metadata,
    _key("assistant", 64),
    _key("id", 64),
    Column("kept", Integer, nullable=False),
    Column("dropped", Text, nullable=False),
    _time("started_at"),
    _time("finished_at"),
)
datasets = Table(
    "datasets",
    metadata,
    _key("assistant", 64),
    _key("id", 40),
    Column("path", Text, nullable=False),
    Column("manifest", Text, nullable=False),
    _time("created_at"),
)
dataset_examples = Table(
    "dataset_examples",
    metadata,
    _key("assistant", 64),
    _key("dataset", 40),
    _key("example", 40),
    Column("split", String(12), nullable=False),
)

# what was learned
training_files = Table(
    "training_files",
    metadata,
    _key("assistant", 64),
    _key("provider", 300),
    _key("sha256", 64),
    Column("state", String(12), nullable=False),
    Column("file_id", String(200)),
    Column("tokens", Integer, nullable=False, server_default="0"),
    _time("created_at"),
    _time("updated_at"),
)
training_runs = Table(
    "training_runs",
    metadata,
    _key("assistant", 64),
    _key("id", 64),
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
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("assistant", "key"),
    Index("one_run_per_job", "assistant", "provider", "job_id", unique=True),
)
training_events = Table(
    "training_events",
    metadata,
    _key("assistant", 64),
    _key("run", 64),
    _key("id"),
    Column("number", Integer, nullable=False),  # in the order of arrival: many fall into one second
    _time("at"),
    Column("message", Text, nullable=False),
    Column("figures", Text, nullable=False),
)
candidates = Table(
    "candidates",
    metadata,
    _key("assistant", 64),
    _key("id", 64),
    Column("kind", String(16), nullable=False),
    Column("model", String(300), nullable=False),
    Column("run", String(64)),
    Column("evidence", Text, nullable=False),
    _time("created_at"),
    Column("serving", Text, nullable=False, server_default="{}"),
    UniqueConstraint("assistant", "model"),
)

# what the answer must satisfy
test_cases = Table(
    "test_cases",
    metadata,
    _key("assistant", 64),
    _key("id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    _time("created_at"),
)
evaluations = Table(
    "evaluations",
    metadata,
    _key("assistant", 64),
    _key("id", 64),
    Column("model", String(300), nullable=False),
    Column("cases_sha256", String(64), nullable=False),
    Column("passed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("results", Text, nullable=False),
    _time("at"),
    Index(None, "assistant", "model"),
)

# who gets what
productions = Table(
    "productions",
    metadata,
    _key("assistant", 64),
    Column("candidate", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    _time("since"),
)
rollouts = Table(
    "rollouts",
    metadata,
    _key("assistant", 64),
    _key("id", 64),
    Column("candidate", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("percent", Float, nullable=False),
    Column("target_percent", Float, nullable=False),
    Column("version", Integer, nullable=False),
    _time("mirror_until"),
    _time("began_at"),
    _time("changed_at"),
    Column("goal", String(16), nullable=False, server_default="superior"),
    Column("plan", Text),  # what it has to show; fixed when the canary begins, never changed
    Column("former", String(64)),  # its predecessor in production
    Column("paused", Text),  # who paused it, and why
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
    _key("assistant", 64),
    _key("rollout", 64),
    _key("customer", 40),  # one row per customer: returning customers count once
    Column("number", Integer, nullable=False),  # in the order of entry
    Column("conversation", String(200), nullable=False),
    Column("arm", String(12), nullable=False),
    Column("share", Float, nullable=False),
    Column("is_returning", Boolean, nullable=False),
    Column("foreseen", Text, nullable=False, server_default="[]"),
    Column("values", Text, nullable=False),
    _time("started_at"),
    _time("entered_at"),
    UniqueConstraint("assistant", "rollout", "number"),
)
rollout_audit = Table(
    "rollout_audit",
    metadata,
    _key("assistant", 64),
    _key("rollout", 64),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("before", String(12), nullable=False),
    Column("after", String(12), nullable=False),
    Column("by", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    _time("at"),
)

# what may be said
entries = Table(
    "entries",
    metadata,
    _key("assistant", 64),
    _key("id", 40),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("conversation", String(200)),
    Column("score", Integer, nullable=False),
    Column("by", String(200)),
    Column("note", String(1000)),
    _time("at"),
    Index(None, "assistant", "state"),
)
vectors = Table(
    "vectors",
    metadata,
    _key("assistant", 64),
    _key("sha256", 64),
    _key("model", 100),
    Column("vector", LargeBinary, nullable=False),
)
index_builds = Table(
    "index_builds",
    metadata,
    _key("assistant", 64),
    _key("id", 64),
    Column("path", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("manifest", Text, nullable=False),
    _time("at"),
)
index_entries = Table(
    "index_entries",
    metadata,
    _key("assistant", 64),
    _key("build", 64),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("entry", String(40), nullable=False),
)

# sent reports and mails, and job slots
reports = Table(
    "reports",
    metadata,
    _key("assistant", 64),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    _time("made_at"),
)
mails = Table(
    "mails",
    metadata,
    _key("assistant", 64),
    _key("key", 64),
    Column("state", String(12), nullable=False),
    Column("mailer", String(32), nullable=False),
    Column("place", Text, nullable=False),
    _time("created_at"),
    _time("updated_at"),
)
job_slots = Table(
    "job_slots",
    metadata,
    _key("assistant", 64),
    _key("job", 64),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(12), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    _time("lease_until"),
    _time("started_at"),
    _time("finished_at", nullable=True),
)
