"""Which statement of consent stands."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput
from kaeshi.nouns import ConsentStatement
from kaeshi.rules import consent as rules

NOON = datetime(2025, 11, 3, 12, tzinfo=UTC)


def said(consent: str, how: str, hours: int | None = None) -> ConsentStatement:
    at = None if hours is None else NOON + timedelta(hours=hours)
    return ConsentStatement.model_validate({"consent": consent, "how": how, "said_at": at})


def history_of(*statements: ConsentStatement) -> list[ConsentStatement]:
    taken: list[ConsentStatement] = []
    for each in statements:
        if rules.effect(taken, each) == "taken":
            taken.append(each)
    return taken


def test_a_later_none_withdraws_whoever_says_it() -> None:
    for how, hours in (("request", 1), ("person", 1), ("record", 1), ("import", None)):
        taken = history_of(said("granted", "import"), said("none", how, hours))
        assert rules.standing(taken) == "none"
        assert rules.is_withdrawn(taken)


def test_an_import_with_consent_grants_what_carried_none() -> None:
    for first in (said("none", "record", 0), said("none", "import")):
        taken = history_of(first, said("granted", "import"))
        assert rules.standing(taken) == "granted"


def test_a_none_of_the_customers_own_is_not_undone_by_a_setting_or_an_import() -> None:
    for how in ("request", "person"):
        first = history_of(said("none", how, 0))
        assert rules.effect(first, said("granted", "setting")) == "withdrawn"
        assert rules.effect(first, said("granted", "import")) == "withdrawn"
        assert rules.effect(first, said("granted", "request", 1)) == "taken"


def test_the_same_log_again_changes_nothing() -> None:
    log = said("none", "record", 0)
    taken = history_of(log, said("granted", "import"))
    assert rules.effect(taken, log) == "repeated"


def test_no_import_undoes_a_withdrawal_and_a_later_word_of_the_customer_does() -> None:
    taken = history_of(said("granted", "record", 0), said("none", "person", 5))
    assert rules.effect(taken, said("granted", "import")) == "withdrawn"
    assert rules.effect(taken, said("granted", "setting")) == "withdrawn"
    assert rules.effect(taken, said("granted", "record", 0)) == "repeated"
    assert rules.effect(taken, said("granted", "record", 4)) == "withdrawn"
    assert rules.effect(taken, said("granted", "record", 6)) == "withdrawn"
    assert rules.effect(taken, said("granted", "person", 6)) == "taken"
    assert rules.effect(taken, said("granted", "request", 6)) == "taken"


statements = st.builds(
    said,
    st.sampled_from(["granted", "legitimate_interest", "none"]),
    st.sampled_from(["record", "request", "person", "import", "setting", "unstated"]),
    st.none() | st.integers(0, 9),
)


@given(st.lists(statements, max_size=8))
def test_after_a_withdrawal_only_what_is_dated_later_grants(
    said_before: list[ConsentStatement],
) -> None:
    taken = history_of(*said_before)
    for earlier, withdrawal, grant in zip(taken, taken[1:], taken[2:], strict=False):
        if earlier.consent != "none" and withdrawal.consent == "none":
            assert grant.how in {"request", "person"}
            assert grant.said_at is not None
            assert withdrawal.said_at is None or grant.said_at > withdrawal.said_at


def test_a_statement_names_who_enters_it() -> None:
    assert rules.parse({"consent": "none", "by": "Ann"})["text"] == ""
    for body in ({"consent": "none"}, {"consent": "yes", "by": "Ann"}, {"by": "Ann", "x": 1}):
        with pytest.raises(InvalidInput, match="granted, legitimate_interest or none"):
            rules.parse(body)
