"""Whether this process can serve."""

import shutil

from kaeshi.errors import KaeshiError
from kaeshi.loop import Loop

LEAST_DISK = 100 * 1024 * 1024  # bytes; the spool and the database need room to write


async def faults(loop: Loop) -> list[str]:
    """What keeps it from serving; empty when it is ready."""
    found: list[str] = []
    try:
        async with loop.store.write() as tx:
            await tx.keys.check()
    except KaeshiError as error:
        found.append(f"database: {error}")
    except Exception as error:  # a probe answers, whatever is wrong
        found.append(f"database: {type(error).__name__}")
    free = shutil.disk_usage(loop.settings.data_dir).free
    if free < LEAST_DISK:
        found.append(f"disk: {free // 2**20} MB are left, and {LEAST_DISK // 2**20} are needed")
    return found
