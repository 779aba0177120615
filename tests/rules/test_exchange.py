"""Which conversation a request belongs to, and what its digest stands for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import Exchange
from kaeshi.rules.exchange import SEVERAL, Course, Head, Place, course, recognised

ASK = {"role": "user", "content": "Open on Sunday?"}
SAY = {"role": "assistant", "content": "Until nine."}
THANK = {"role": "user", "content": "Thanks, a table for two then."}


def asked(*messages: dict[str, str], conversation: str = "c1") -> Exchange:
    return Exchange(
        id="msg_2",
        assistant="main",
        conversation=conversation,
        customer="ann",
        at=datetime(2025, 10, 31, tzinfo=UTC),
        messages=messages,
        reply=SAY,
        status=200,
        scope="",
    )


@pytest.mark.parametrize("head", [None, Head("ann", 0)])
def test_a_conversation_that_holds_nothing_yet_takes_all_messages(head: Head | None) -> None:
    found = course(asked(ASK), "ann", head, None)
    assert found == Course(conversation="c1", position=0, new_from=0, is_fork=False)


def test_the_next_turn_adds_what_follows_our_last_reply() -> None:
    found = course(asked(ASK, SAY, THANK), "ann", Head("ann", 2), Place("c1", 2))
    assert found == Course(conversation="c1", position=2, new_from=2, is_fork=False)


@pytest.mark.parametrize(
    ("customer", "head", "prior"),
    [
        ("ann", Head("ann", 2), None),  # an earlier message was edited
        ("ann", Head("ann", 4), Place("c1", 2)),  # the last answer is asked for again
        ("ben", Head("ann", 2), Place("c1", 2)),  # another customer uses the id
        ("ann", Head("ann", 2), Place("c2", 2)),  # the past is another conversation's
    ],
)
def test_a_changed_past_forks_and_is_stored_whole(
    customer: str, head: Head, prior: Place | None
) -> None:
    found = course(asked(ASK, SAY, THANK), customer, head, prior)
    assert found == Course(conversation="c1~msg_2", position=0, new_from=0, is_fork=True)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_a_forks_name_fits_into_a_conversations_id(name: str) -> None:
    found = course(asked(ASK, SAY, conversation=name), "ann", Head("ann", 2), None)
    assert len(found.conversation) <= 200
    assert found.conversation.endswith("~msg_2")


def went_to(conversation: str, *, is_fork: bool = False) -> Course:
    return Course(conversation=conversation, position=0, new_from=0, is_fork=is_fork)


def test_a_new_digest_stands_for_its_conversation() -> None:
    assert recognised(went_to("c1"), 2, None) == Place("c1", 2)
    assert recognised(went_to("c1~m", is_fork=True), 2, None) == Place("c1~m", 2)


def test_a_digest_that_a_second_conversation_reaches_stands_for_neither() -> None:
    assert recognised(went_to("c2"), 2, Place("c1", 2)) == Place(SEVERAL, 2)
    assert recognised(went_to("c2"), 2, Place(SEVERAL, 2)) == Place(SEVERAL, 2)


def test_the_same_conversation_keeps_its_digest() -> None:
    assert recognised(went_to("c1"), 4, Place("c1", 2)) == Place("c1", 4)


def test_a_fork_never_takes_the_place_of_what_it_left() -> None:
    assert recognised(went_to("c1~m", is_fork=True), 2, Place("c1", 2)) is None
