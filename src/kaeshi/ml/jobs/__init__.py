"""The seed's two calls: start and stop the scheduler. Sync, idempotent, safe inside and outside a running event loop."""

__all__ = ["start_scheduler", "stop_scheduler"]


def start_scheduler() -> None:
    """Run due jobs from now on, on a thread of its own. Starting a started one changes nothing."""
    from kaeshi.app import open_loop
    from kaeshi.jobs.scheduler import start

    start(open_loop)


def stop_scheduler() -> None:
    """Stop, letting a running job finish its present piece. Stopping a stopped one changes nothing."""
    from kaeshi.jobs.scheduler import stop

    stop()
