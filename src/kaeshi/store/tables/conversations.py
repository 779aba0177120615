"""What was said, what people thought of it, and what changed since it was judged."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)

from kaeshi.store.tables.columns import key, metadata, time

customers = Table(
    "customers",
    metadata,
    key("assistant", 64),
    key("id", 40),  # a keyed hash of the caller's own id
    Column("wrapped_key", LargeBinary),  # deleting it erases the customer in every copy of `texts`
    time("created_at"),
)

master_keys = Table(
    "master_keys",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(16), nullable=False),
    time("since"),
)  # the latest one wraps every data key

# what was said
conversations = Table(
    "conversations",
    metadata,
    key("assistant", 64),
    key("id"),
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
    Column("is_verified", Boolean, nullable=False, server_default=true()),
    Column("network", String(40), nullable=False, server_default=""),
    Column("context", String(40)),  # what its latest request offered beside the messages
    time("started_at"),
    time("last_at"),
    time("closed_at", nullable=True),
    Index(None, "assistant", "closed_at", "last_at"),
    Index(None, "assistant", "started_at"),
    Index(None, "assistant", "experiment", "arm"),
)
contexts = Table(
    "contexts",
    metadata,
    key("assistant", 64),
    key("id", 40),  # of the content
    Column("body", Text, nullable=False),  # scrubbed
)
messages = Table(
    "messages",
    metadata,
    key("assistant", 64),
    key("id"),
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
    time("at"),
    UniqueConstraint("assistant", "conversation", "position"),
)
texts = Table(
    "texts",
    metadata,
    key("assistant", 64),
    key("kind", 12),
    key("ref"),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("customer", String(40), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "assistant", "customer"),
)
outcomes = Table(
    "outcomes",
    metadata,
    key("assistant", 64),
    key("conversation"),
    key("name", 64),
    key("key", 32),  # derived from value, time and source: a repeated report is the same row
    Column("value", Text, nullable=False),
    Column("source", String(64), nullable=False),
    time("at"),
    time("reported_at"),
)

changes = Table(
    "changes",
    metadata,
    key("assistant", 64),
    key("conversation"),
    Column("version", Integer, nullable=False),
)  # conversations to be judged (again)

# what people thought of it
feedback_current = Table(
    "feedback_current",
    metadata,
    key("assistant", 64),
    key("message"),
    key("author", 40),
    key("metric", 12),
    Column(
        "value", String(16), nullable=False
    ),  # for comments and corrections only the length; the text is in `texts`
    Column("submission", String(300), nullable=False),
    time("at"),
    Index(None, "assistant", "at"),
)
feedback_history = Table(
    "feedback_history",
    metadata,
    key("assistant", 64),
    key("submission", 300),
    key("metric", 12),
    Column("message", String(200), nullable=False),
    Column("author", String(40), nullable=False),
    Column("value", String(16), nullable=False),
    time("at"),
    Index(None, "assistant", "message"),
)
parked_feedback = Table(
    "parked_feedback",  # that came before its message
    metadata,
    key("assistant", 64),
    key("id", 300),
    Column("target", String(16), nullable=False),  # what `about` is the id of
    Column("about", String(200), nullable=False),
    Column("customer", String(40), nullable=False),  # whose data key encrypts it, in `texts`
    time("at"),
)
consents = Table(
    "consents",  # what was said about learning from a conversation, in the order it was taken
    metadata,
    key("assistant", 64),
    key("conversation"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("consent", String(20), nullable=False),
    Column("how", String(12), nullable=False),
    Column("text", String(1000), nullable=False),
    Column("entered_by", String(200), nullable=False),
    time("said_at", nullable=True),
    time("recorded_at"),
)
