"""Claims about web/ask.py: one item of the review behind a signed link."""

import re

import pytest
from fastapi.testclient import TestClient

from kaeshi.steps import collection, expert, review
from samples import log, rate, record

MARKED = "Is <script>alert(1)</script> & salmon fine for Anna Bennett?"


async def waiting(client: TestClient) -> str:
    loop = client.app.state.loop  # type: ignore[attr-defined]  # the application under test
    await log(loop, record("c", MARKED, "Yes, salmon is fine."), record("d", "Other?", "Other."))
    await rate(loop, "c#1")
    await rate(loop, "d#1")
    await collection.collect(loop)
    return next(item.ref for item in await review.queue(loop) if item.conversation == "c")


def link_to(client: TestClient, **more: float) -> str:
    loop = client.app.state.loop  # type: ignore[attr-defined]  # the application under test

    async def made() -> str:
        return await expert.link(loop, await waiting(client), to="Dr. Chef", **more)

    path: str = client.portal.call(made)  # type: ignore[union-attr]  # it runs while the client is open
    return path


def test_it_shows_one_scrubbed_item_and_nothing_else(client: TestClient) -> None:
    path = link_to(client)
    page = client.get(path)
    assert page.status_code == 200
    assert "salmon is fine" in page.text
    assert "[PERSON_1]" in page.text
    assert "Anna" not in page.text
    assert "Other" not in page.text
    assert "<script>alert" not in page.text
    assert set(re.findall(r'href="([^"]*)"', page.text)) == set()
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


def test_a_decision_bears_the_experts_name_and_is_made_once(client: TestClient) -> None:
    path = link_to(client)
    said = client.post(path, data={"state": "corrected", "right": "Salmon is out today."})
    assert "Your answer is stored" in said.text
    loop = client.app.state.loop  # type: ignore[attr-defined]  # the application under test
    items = client.portal.call(lambda: review.queue(loop, state=None))  # type: ignore[union-attr]  # open
    (item,) = [each for each in items if each.conversation == "c"]
    assert (item.state, item.by, item.answer) == ("corrected", "Dr. Chef", "Salmon is out today.")
    assert "decided before" in client.post(path, data={"state": "approved"}).text
    assert "decided by now" in client.get(path).text


@pytest.mark.parametrize("place", [8, 20, 60, -3])
def test_a_changed_link_opens_nothing(client: TestClient, place: int) -> None:
    path = link_to(client)
    other = "A" if path[place] != "A" else "B"
    changed = path[:place] + other + path[place:][1:]
    assert client.get(changed).status_code == 403
    assert client.post(changed, data={"state": "approved"}).status_code == 403


def test_a_link_expires(client: TestClient) -> None:
    path = link_to(client, days=0.5)
    loop = client.app.state.loop  # type: ignore[attr-defined]  # the application under test
    token = path.removeprefix(expert.PATH)
    until = expert.checked(loop, token).until
    assert 0 < until - loop.clock.now().timestamp() <= 43_200


@pytest.mark.parametrize("state", ["proposed", "", "approved; drop"])
def test_another_word_is_no_decision(client: TestClient, state: str) -> None:
    assert client.post(link_to(client), data={"state": state}).status_code == 422
