from kaeshi.ml import get_pii_scrubber
from kaeshi.pii import SEED_KEYS


def test_the_found_dictionary_has_a_key_per_type() -> None:
    _, found = get_pii_scrubber().scrub_text("Mail ann@example.com")
    assert set(found) == set(SEED_KEYS.values())
    assert found["emails"] == ["ann@example.com"]
    assert found["phones"] == []


def test_the_risk_has_a_count_per_type() -> None:
    risk = get_pii_scrubber().analyze_pii("SSN 536-22-8145")
    assert risk["ssns_found"] == 1
    assert risk["risk_level"] == "high"
