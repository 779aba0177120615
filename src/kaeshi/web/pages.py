"""Pages for people: the scheduler and the report."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kaeshi.errors import TooFew
from kaeshi.jobs.overview import overview
from kaeshi.jobs.scheduler import is_running
from kaeshi.steps import report
from kaeshi.steps.report_mail import html
from kaeshi.web.api import LoopDep
from kaeshi.web.auth import require_reader

# a browser remembers the key, so no other site may frame a page, and nothing is kept of it
GUARDED = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Page(HTMLResponse):
    """A page for people."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set what guards every page."""
        super().init_headers({**GUARDED, **(headers or {})})


# without a key: it says no more than the documentation does
open_router = APIRouter(include_in_schema=False, default_response_class=Page)
router = APIRouter(
    include_in_schema=False,
    dependencies=[Depends(require_reader)],
    default_response_class=Page,
)


@router.get("/")
async def home() -> str:
    """Redirect to the scheduler page."""
    return rendered("home.html")


@router.get("/scheduler")
async def scheduler(loop: LoopDep) -> str:
    """Jobs, next and last runs, durations, errors, and a button that runs one now."""
    return rendered(
        "scheduler.html", jobs=await overview(loop), running=is_running(), assistant=loop.assistant
    )


@router.get("/report")
async def show_report(loop: LoopDep, log_clock: bool = False) -> str:
    """The weekly report as in its mail."""
    try:
        return html(await report.compose(loop, by_log_clock=log_clock, or_latest=True))
    except TooFew as error:
        return rendered("empty.html", why=str(error))


@open_router.get("/docs")
async def apirendered(request: Request) -> str:
    """Every endpoint, from the OpenAPI document; it needs no script, and so no network."""
    document = request.app.openapi()
    return rendered(
        "docs.html", operations=_operations(document), version=document["info"]["version"]
    )


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations of an OpenAPI document, in its order."""
    return [
        {
            "method": method.upper(),
            "path": path,
            "summary": said.get("summary", ""),
            "words": said.get("description", ""),
            "parameters": said.get("parameters", []),
            "takes": bool(said.get("requestBody")),
            "answers": {code: answer["description"] for code, answer in said["responses"].items()},
        }
        for path, methods in document["paths"].items()
        for method, said in methods.items()
    ]


def rendered(name: str, **values: object) -> str:
    """A template, filled in."""
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
    )
