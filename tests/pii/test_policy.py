"""Claims about pii/policy.py."""

from kaeshi import Policy, scrub


def test_what_is_the_deployments_own_stays() -> None:
    ours = Policy(
        allow=("(916) 555 0199", "12 Oak Street"),
        deny={"Project Hashi": "PERSON"},
        off=("ACCOUNT", "BOOKING", "URL"),
    )
    text = "We are at 12 Oak Street, 916-555-0199, see https://example.com about project hashi"
    assert scrub(text, ours).texts == (
        "We are at 12 Oak Street, 916-555-0199, see https://example.com about [PERSON_1]",
    )
