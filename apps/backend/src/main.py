"""The reference backend.

A concierge on kaeshi, with the scheduler started and stopped by its lifespan.

Run it with `granian --interface asgi --factory main:create` from apps/backend/src.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api.ai.ml.jobs import start_scheduler, stop_scheduler
from kaeshi.web.app import create as kaeshi_app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the scheduler with the application, and stop it with it."""
    async with app.state.kaeshi.router.lifespan_context(app.state.kaeshi):
        start_scheduler()
        try:
            yield
        finally:
            stop_scheduler()


def create() -> FastAPI:
    """The concierge: chat, feedback, report and jobs under /kaeshi, a greeting at the root."""
    app = FastAPI(title="My Hibachi concierge", lifespan=lifespan)
    app.state.kaeshi = kaeshi_app(with_scheduler=False)
    app.mount("/kaeshi", app.state.kaeshi)

    @app.get("/")
    async def hello() -> dict[str, str]:
        return {
            "hello": (
                "POST /kaeshi/v1/chat/completions to talk, /kaeshi/v1/messages/{id}/feedback to "
                "rate"
            )
        }

    return app
