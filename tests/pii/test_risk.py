"""Claims about pii/risk.py."""

from kaeshi.pii import analyze
from kaeshi.pii.risk import residual


def test_what_may_be_left_follows_from_what_was_found() -> None:
    left = residual({"PERSON": 90, "PHONE": 10, "MAC": 1}, {"PERSON": 0.9, "PHONE": 1.0})
    assert left == {
        "at_most_by_type": {"MAC": None, "PERSON": 10.0, "PHONE": 0.0},
        "at_most": 10.0,
        "unmeasured": ["MAC"],
    }


def test_the_risk_level_follows_the_worst_type() -> None:
    assert analyze({"SSN": 1, "EMAIL": 2})["risk_level"] == "high"
    assert analyze({"EMAIL": 2}) == analyze({"EMAIL": 2}) | {
        "emails_found": 2,
        "risk_level": "medium",
    }
    assert analyze({})["risk_level"] == "low"
