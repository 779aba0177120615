"""What several tests of tests/pii share."""

from hypothesis import strategies as st

pieces = st.sampled_from(
    [
        "my name is ",
        "Anna Bennett",
        " call 415-555-0132 ",
        "ann@example.com",
        " 4111 1111 1111 1111 ",
        " card ",
        "[PERSON_1]",
        " at 12 Oak Street ",
        "536-22-8145",
        " ok ",
        ". ",
        "10 adults in 95630",
        " account 95381901 ",
        "\n",
        "é",
        "😀",
    ]
)


texts = st.lists(pieces, max_size=8).map(" ".join)  # glued words are for the scrubber's own depth
