"""The scheduler: APScheduler calls `tick` on a thread of its own.

Which slot runs is decided in the database.
"""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from kaeshi.errors import KaeshiError
from kaeshi.jobs.runner import tick
from kaeshi.jobs.schedule import jobs
from kaeshi.loop import Loop

TICK_SECONDS = 15
LOG_FILE = Path("logs") / "ml_jobs.log"
Open = Callable[[], AbstractAsyncContextManager[Loop]]
log = logging.getLogger("kaeshi.jobs")

_guard = threading.Lock()
_running: "_Scheduler | None" = None


def start(open_loop: Open) -> None:
    """Start ticking. Has no effect when it is started already."""
    global _running  # noqa: PLW0603  # the seed's two calls imply one scheduler per process
    with _guard:
        if _running is None:
            _running = _Scheduler(open_loop)


def stop() -> None:
    """Stop ticking, and wait for a running tick. Has no effect when it is stopped already."""
    global _running  # noqa: PLW0603  # see start
    with _guard:
        scheduler = _running
        _running = None
    if scheduler is not None:
        scheduler.stop()


def is_running() -> bool:
    """Whether this process ticks."""
    return _running is not None


class _Scheduler:
    def __init__(self, open_loop: Open) -> None:
        self._open = open_loop
        self._since: datetime | None = None
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._log_handler = _log_to_file()
        self._scheduler = BackgroundScheduler(
            timezone="UTC", executors={"default": ThreadPoolExecutor(1)}
        )
        self._scheduler.add_job(
            self._tick, "interval", seconds=TICK_SECONDS, max_instances=1, coalesce=True
        )
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=True)
        log.removeHandler(self._log_handler)
        self._log_handler.close()

    def _tick(self) -> None:
        try:
            asyncio.run(self._tick_once())
        except KaeshiError:
            log.exception("tick failed")

    async def _tick_once(self) -> None:
        async with self._open() as loop:
            self._since = self._since or loop.clock.now()
            await tick(loop, jobs(loop.settings), self._owner, self._since)


def _log_to_file() -> logging.Handler:
    """Log to logs/ml_jobs.log below the working directory, as the seed asks.

    The file is rotated. Where it cannot be written, jobs log to stderr, and serving goes on.
    """
    handler: logging.Handler
    try:
        LOG_FILE.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(LOG_FILE, maxBytes=5_000_000, backupCount=3, encoding="utf-8")
    except OSError as error:
        handler = logging.StreamHandler()
        log.warning("%s cannot be written (%s): jobs log here", LOG_FILE, error.strerror)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return handler
