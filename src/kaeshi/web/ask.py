"""The page behind a signed link: one question, the answer that would be learned, and a decision."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse

from kaeshi.errors import NotFound
from kaeshi.steps import expert
from kaeshi.web.api import LoopDep
from kaeshi.web.pages import Page, rendered


class Unlinked(Page):
    """A page whose address is a secret: no other site hears of it."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set what guards the page and its address."""
        super().init_headers({**(headers or {}), "Referrer-Policy": "no-referrer"})


router = APIRouter(include_in_schema=False, default_response_class=Unlinked)


@router.get("/ask/{token}")
async def ask(token: str, loop: LoopDep) -> HTMLResponse:
    """Show the item."""
    try:
        link, item = await expert.shown(loop, token)
    except NotFound:
        return Unlinked(rendered("asked.html", why="It is decided by now. Thank you."))
    return Unlinked(rendered("ask.html", item=item, to=link.to))


@router.post("/ask/{token}")
async def answer(
    token: str,
    loop: LoopDep,
    state: Annotated[Literal["approved", "corrected", "rejected"], Form()],
    right: Annotated[str, Form(max_length=10_000)] = "",
) -> HTMLResponse:
    """Store the decision."""
    try:
        await expert.decide(loop, token, state, right if state == "corrected" else None)
    except NotFound:
        return Unlinked(rendered("asked.html", why="It was decided before. Thank you."))
    return Unlinked(rendered("asked.html", why="Your answer is stored. Thank you."))
