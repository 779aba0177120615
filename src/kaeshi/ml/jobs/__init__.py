"""The seed's two calls: start and stop the scheduler.

Synchronous, idempotent, and safe inside and outside a running event loop.
"""

__all__ = ["start_scheduler", "stop_scheduler"]


def start_scheduler() -> None:
    """Run due jobs on a thread of its own. Has no effect when it is started already."""
    from kaeshi.app import open_loop  # keeps the import of kaeshi.ml.jobs light
    from kaeshi.jobs.scheduler import start  # as above

    start(open_loop)


def stop_scheduler() -> None:
    """Stop, letting a running job finish its present piece.

    Has no effect when it is stopped already.
    """
    from kaeshi.jobs.scheduler import stop  # as above

    stop()
