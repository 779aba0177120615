"""Claims about pii/api.py."""

from hypothesis import given
from hypothesis import strategies as st

from kaeshi import Policy, scrub, scrub_batch, scrub_stream, serve_scrubbed
from kaeshi.pii import Restorer, detect_each, restore
from kaeshi.pii.api import ScrubStream
from kaeshi.pii.finders.word_lists import ListedNames
from pii_samples import texts


def test_what_is_served_can_be_put_back_whatever_training_rows_hold() -> None:
    ours = Policy(
        operator="mask", operators={"PHONE": "surrogate"}, allow=("555-9999",)
    ).for_serving()
    found = scrub("I'm Anna Bennett, 555-1234 or 555-9999", ours)
    assert restore(found.texts[0], found.found) == "I'm Anna Bennett, 555-1234 or 555-9999"
    assert found.texts[0] == "I'm [PERSON_1], [PHONE_1] or 555-9999"


@given(
    st.lists(texts, min_size=1, max_size=4).map("\n".join),
    st.lists(st.integers(1, 40), max_size=12),
)
def test_a_stream_is_the_same_however_it_is_cut(text: str, cuts: list[int]) -> None:
    def streamed(pieces: list[str]) -> str:
        stream = ScrubStream(names=ListedNames())
        return "".join([*map(stream.feed, pieces), stream.close()])

    pieces, at = [], 0
    for size in cuts:
        pieces.append(text[at : at + size])
        at += size
    assert streamed([*pieces, text[at:]]) == streamed([text])


def test_a_stream_keeps_its_numbers_and_knows_what_was_announced() -> None:
    lines = ["my name is Anna Bennett\n", "what is your pin?\n", "4321\n", "thanks Anna"]
    assert (
        "".join(scrub_stream(lines))
        == "my name is [PERSON_1]\nwhat is your pin?\n[PIN_1]\nthanks [PERSON_1]"
    )


def test_a_batch_of_texts_that_have_nothing_to_do_with_each_other() -> None:
    assert scrub_batch(["I'm Anna Bennett", "my PIN is", "4321"]) == [
        "I'm [PERSON_1]",
        "my PIN is",
        "4321",
    ]
    assert [
        [h[2] for h in hits]
        for hits in detect_each(["call 555-1234", "é a@b.com", "my pin", "4321"])
    ] == [
        ["PHONE"],
        ["EMAIL"],
        [],
        [],
    ]


@given(
    st.lists(
        st.sampled_from(
            ["[PERSON_1]", " and ", "[PER", "SON_1]", "[", "x]", "[PHONE_2]", "[PHONE_1]"]
        ),
        max_size=8,
    )
)
def test_values_come_back_in_a_stream_as_in_the_whole(pieces: list[str]) -> None:
    held = {"PERSON": ("Anna",), "PHONE": ("555-1234",)}
    stream = Restorer(held)
    assert "".join([*map(stream.feed, pieces), stream.close()]) == restore("".join(pieces), held)


def test_a_model_sees_placeholders_and_the_customer_their_words() -> None:
    text, held = serve_scrubbed("I'm Anna Bennett")
    assert restore(f"Hello {text.split()[-1]}!", held) == "Hello Anna Bennett!"
