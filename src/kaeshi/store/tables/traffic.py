"""What went through the gateway: requests, recognised states, spools, mirrored answers."""

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
    false,
)

from kaeshi.store.tables.columns import key, metadata, time

prefixes = Table(
    "prefixes",
    metadata,
    key("assistant", 64),
    key("digest", 40),  # keyed, of the conversation up to a reply
    Column("conversation", String(200), nullable=False),  # empty: several conversations share it
    Column("position", Integer, nullable=False),  # number of messages up to there
)
requests = Table(
    "requests",
    metadata,
    key("assistant", 64),
    key("id"),  # of the reply's message
    Column("conversation", String(200), nullable=False),
    Column("experiment", String(200)),
    Column("arm", String(12)),
    Column("share", Float),
    Column("epoch", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("failure", String(200), nullable=False, server_default=""),  # why it failed
    Column("model", String(300)),
    Column("finish_reason", String(40)),
    Column("streamed", Boolean, nullable=False),
    Column("latency_ms", Float),
    Column("first_token_ms", Float),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost_nano_usd", BigInteger),
    Column("answer_id", String(200)),  # the provider's, such as chatcmpl-... or resp_...
    Column("unread", String(100)),  # the dialect of an answer that could not be read
    Column("is_unknown", Boolean, nullable=False, server_default=false()),
    Column("is_estimated", Boolean, nullable=False, server_default=false()),
    time("at"),
    Index(None, "assistant", "experiment", "at"),
    Index(None, "assistant", "conversation"),
    Index(None, "assistant", "answer_id"),
)
spools = Table(
    "spools",
    metadata,
    key("assistant", 64),
    key("name"),
    Column("taken", BigInteger, nullable=False),  # offset up to which it is stored
    Column("dropped", Integer, nullable=False),  # requests that its gateway could not log
    time("changed_at"),
)
mirrors = Table(
    "mirrors",
    metadata,
    key("assistant", 64),
    key("request"),
    Column("experiment", String(200), nullable=False),
    Column("state", String(12), nullable=False),  # answered, failed, dropped
    Column("failure", String(200), nullable=False, server_default=""),  # why it failed
    Column("same", Boolean),
    Column("broken", Text, nullable=False),  # policy checks that only the candidate's answer breaks
    Column("preferred", String(12)),  # by a judge: candidate, production, tie
    Column("latency_ms", Float),
    Column("production_ms", Float),
    Column("cost_nano_usd", BigInteger),
    time("at"),
    Index(None, "assistant", "experiment", "at"),
)
