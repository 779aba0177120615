"""Opening a Loop for one command."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kaeshi.app import open_loop
from kaeshi.loop import Loop

T = TypeVar("T")


def with_loop(db: str | None, assistant: str | None, step: Callable[[Loop], Awaitable[T]]) -> T:
    """Open a Loop, run one step on it, close it."""

    async def go() -> T:
        async with open_loop(db, assistant=assistant) as loop:
            return await step(loop)

    return asyncio.run(go())
