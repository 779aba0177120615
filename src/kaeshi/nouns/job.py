"""One due time of a scheduled job."""

from datetime import datetime
from typing import Literal

from kaeshi.nouns.value import Value


class Slot(Value):
    """One due time of one job, claimed by one process."""

    job: str
    slot: datetime
    state: Literal["running", "finished", "failed", "skipped"]
    owner: str
    started_at: datetime
    finished_at: datetime | None = None
    detail: str = ""
    attempts: int = 1
