"""Every table.

The assistant is in every primary and unique key; times are microseconds since 1970 in UTC; JSON is
text. Raw customer text is in `texts` alone, sealed under the customer's data key.
"""

from kaeshi.store.tables.columns import metadata
from kaeshi.store.tables.conversations import (
    changes,
    consents,
    contexts,
    conversations,
    customers,
    feedback_current,
    feedback_history,
    master_keys,
    messages,
    outcomes,
    parked_feedback,
    texts,
)
from kaeshi.store.tables.learning import (
    candidates,
    collection_runs,
    corrections,
    dataset_examples,
    dataset_files,
    datasets,
    decisions,
    evaluations,
    examples,
    test_cases,
    training_events,
    training_files,
    training_runs,
    weighings,
)
from kaeshi.store.tables.operations import (
    entries,
    index_builds,
    index_entries,
    job_slots,
    mails,
    reports,
    vectors,
)
from kaeshi.store.tables.rollouts import productions, rollout_audit, rollout_rows, rollouts
from kaeshi.store.tables.traffic import mirrors, prefixes, requests, spools

__all__ = [
    "candidates",
    "changes",
    "collection_runs",
    "consents",
    "contexts",
    "conversations",
    "corrections",
    "customers",
    "dataset_examples",
    "dataset_files",
    "datasets",
    "decisions",
    "entries",
    "evaluations",
    "examples",
    "feedback_current",
    "feedback_history",
    "index_builds",
    "index_entries",
    "job_slots",
    "mails",
    "master_keys",
    "messages",
    "metadata",
    "mirrors",
    "outcomes",
    "parked_feedback",
    "prefixes",
    "productions",
    "reports",
    "requests",
    "rollout_audit",
    "rollout_rows",
    "rollouts",
    "spools",
    "test_cases",
    "texts",
    "training_events",
    "training_files",
    "training_runs",
    "vectors",
    "weighings",
]
