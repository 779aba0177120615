"""Claims about web/presidio.py: clients of Presidio find what they expect."""

import pytest
from fastapi.testclient import TestClient

from kaeshi.web.presidio import create

TEXT = "Hi, I'm Ann Bennett. Mail ann@example.com or call 415-555-0132"


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create())


def test_analyze_and_anonymize_follow_each_other_as_presidios_do(client: TestClient) -> None:
    found = client.post("/analyze", json={"text": TEXT, "language": "en"}).json()
    assert [(one["entity_type"], TEXT[one["start"] : one["end"]]) for one in found] == [
        ("PERSON", "Ann Bennett"),
        ("EMAIL_ADDRESS", "ann@example.com"),
        ("PHONE_NUMBER", "415-555-0132"),
    ]
    done = client.post("/anonymize", json={"text": TEXT, "analyzer_results": found}).json()
    assert done["text"] == "Hi, I'm <PERSON>. Mail <EMAIL_ADDRESS> or call <PHONE_NUMBER>"
    assert [done["text"][one["start"] : one["end"]] for one in done["items"]] == [
        "<PHONE_NUMBER>",
        "<EMAIL_ADDRESS>",
        "<PERSON>",
    ]


def test_types_and_scores_may_be_chosen_and_texts_come_in_lists(client: TestClient) -> None:
    body = {"text": [TEXT, "nothing"], "entities": ["EMAIL_ADDRESS"], "score_threshold": 0.5}
    first, second = client.post("/analyze", json=body).json()
    assert [one["entity_type"] for one in first] == ["EMAIL_ADDRESS"]
    assert second == []
    assert {"PERSON", "LOCATION", "CREDIT_CARD"} <= {*client.get("/supportedentities").json()}
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ({"type": "redact"}, "a  b"),
        ({"type": "replace", "new_value": "X"}, "a X b"),
        ({"type": "keep"}, "a 12345 b"),
        ({"type": "mask", "masking_char": "*", "chars_to_mask": 3, "from_end": True}, "a 12*** b"),
        ({"type": "mask", "masking_char": "#", "chars_to_mask": 2, "from_end": False}, "a ##345 b"),
    ],
)
def test_operators_do_what_presidios_do(
    client: TestClient, operator: dict[str, object], expected: str
) -> None:
    results = [
        {"entity_type": "PIN", "start": 2, "end": 7, "score": 0.9},
        {"entity_type": "PHONE_NUMBER", "start": 3, "end": 6, "score": 1.0},
    ]
    body = {"text": "a 12345 b", "analyzer_results": results, "anonymizers": {"DEFAULT": operator}}
    assert client.post("/anonymize", json=body).json()["text"] == expected


def test_a_place_outside_of_the_text_is_refused(client: TestClient) -> None:
    body = {"text": "ab", "analyzer_results": [{"entity_type": "PIN", "start": 1, "end": 9}]}
    answer = client.post("/anonymize", json=body)
    assert answer.status_code == 422
    assert "1 to 9 is no place" in answer.json()["detail"]
    body = {"text": "ab", "analyzer_results": [], "anonymizers": {"DEFAULT": {"type": "encrypt"}}}
    assert client.post("/anonymize", json=body).status_code == 422
