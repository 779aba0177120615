"""Rows of feedback: what is stored of a submission, and what is read back."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from kaeshi.errors import TooMany
from kaeshi.nouns import Feedback, Opinion, ReviewState
from kaeshi.store.verbs import micros

MOST_CHANGES = 20  # of one person's feedback on one message: a token is no way to fill the disk
WORDS = frozenset({"comment", "correction"})


class Correction(NamedTuple):
    """A right answer that a customer gave, not scrubbed, and what a person decided about it."""

    submission: str
    at: datetime
    state: ReviewState
    by: str | None
    words: str
    conversation: str
    message: str


class Stored(NamedTuple):
    """A current value as it is stored, of which submission, and since when."""

    value: str
    submission: str
    at: int


@dataclass(kw_only=True)
class Batch:
    """Rows to write: every change for the history, the latest for the current values."""

    assistant: str
    now: datetime
    history: list[dict[str, Any]] = field(default_factory=list)
    latest: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)

    def add(
        self,
        feedback: Feedback,
        author: str,
        submission: str,
        fresh: Mapping[str, str],
        stale: Mapping[str, str],
    ) -> None:
        """Add one author's new values for one message, and those that came too late to count."""
        for metric, value in {**fresh, **stale}.items():
            row = {
                "assistant": self.assistant,
                "message": feedback.message_id,
                "author": author,
                "metric": metric,
                "value": value,
                "submission": submission,
                "at": micros(feedback.at or self.now),
            }
            self.history.append(row)
            if metric in fresh:
                self.latest[feedback.message_id, author, metric] = row
        if fresh:
            self.touched.append(feedback.message_id)


def check_changes(feedback: Feedback, times: int) -> None:
    """Raises TooMany where one person has changed feedback on a message too often."""
    if times >= MOST_CHANGES:
        msg = (
            f"feedback on {feedback.message_id!r} was changed {MOST_CHANGES} times by the same "
            "person; the last one stays"
        )
        raise TooMany(msg)


def address(submission: str) -> str:
    """The address of a submission's words: its id is longer than an address may be."""
    return hashlib.sha256(submission.encode()).hexdigest()


def stored_value(feedback: Feedback, metric: str, mac: Any) -> str | None:
    """The stored form: the value, or for words their length and a keyed digest."""
    value = getattr(feedback, metric)
    if value is None:
        return None
    if metric in WORDS:
        return f"{min(len(value.strip()), 99999)}:{mac(value.encode()).hex()[:8]}"
    return str(value).lower()


def opinion_from(message: str, author: str, values: Mapping[str, Stored]) -> Opinion:
    """All that one author now says about one message, by metric."""
    said = dict(_decoded(metric, held.value) for metric, held in values.items())
    return Opinion(message_id=message, author=author, **said)


def _decoded(metric: str, value: str) -> tuple[str, Any]:
    """The opinion's field and its value, decoded from what `stored_value` wrote."""
    if metric in WORDS:
        return f"{metric}_characters", int(value.split(":", maxsplit=1)[0])
    if metric == "rating":
        return metric, int(value)
    return metric, {"true": True, "false": False}.get(value, value)
