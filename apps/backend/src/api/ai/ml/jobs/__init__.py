"""The seed's address for kaeshi.ml.jobs."""

from kaeshi.ml.jobs import start_scheduler, stop_scheduler

__all__ = ["start_scheduler", "stop_scheduler"]
