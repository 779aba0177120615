import json
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from kaeshi.nouns import Example, Signals
from kaeshi.rules.dataset import check, distinct, line, row, said, shared_out, split
from kaeshi.rules.duplicates import THRESHOLD, originals, resembles, shingles, similarity

sentences = st.lists(
    st.sampled_from(
        [
            "we",
            "grill",
            "salmon",
            "tofu",
            "rice",
            "for",
            "ten",
            "guests",
            "in",
            "napa",
            "on",
            "friday",
            "at",
            "six",
            "with",
            "sake",
        ]
    ),
    min_size=1,
    max_size=30,
).map(" ".join)


def example(name: str, question: str, answer: str) -> Example:
    messages = (
        {"role": "system", "content": "old"},
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    )
    return Example(
        id=name,
        conversation=name,
        body=json.dumps(messages),
        intent="quote",
        started_at=datetime(2025, 1, 1, tzinfo=UTC),
        signals=Signals(),
        consent="granted",
        scrubber="1",
    )


def brute_force(texts: list[str]) -> list[int]:
    found: list[int] = []
    for i, text in enumerate(texts):
        kept = [k for k in range(i) if found[k] == k]
        found.append(
            next(
                (k for k in kept if similarity(shingles(texts[k]), shingles(text)) >= THRESHOLD), i
            )
        )
    return found


@given(st.lists(sentences, max_size=25))
def test_near_duplicates_are_those_that_brute_force_finds(texts: list[str]) -> None:
    found = originals(texts)
    assert [i for i, original in enumerate(found) if i == original] == [
        i for i, original in enumerate(brute_force(texts)) if i == original
    ]


@given(st.lists(sentences, max_size=15))
def test_what_is_kept_does_not_resemble_each_other(texts: list[str]) -> None:
    kept = [shingles(texts[i]) for i, original in enumerate(originals(texts)) if i == original]
    assert all(similarity(a, b) < THRESHOLD for n, a in enumerate(kept) for b in kept[:n])


def test_a_text_resembles_itself_among_others() -> None:
    assert resembles(
        ["we grill salmon in napa on friday", "something else entirely is said here"],
        ["We grill salmon in Napa on Friday!"],
    ) == [True, False]


def test_repeats_are_dropped_and_counted_apart() -> None:
    long = (
        "we grill salmon tofu and rice for ten guests in napa on friday at six with sake and "
        "noodles after that"
    )
    kept, dropped = distinct(
        [
            example("a", long, "Yes."),
            example("b", long, "Yes."),
            example("c", long + " maybe", "Yes."),
            example("d", "other words here", "No."),
        ]
    )
    assert [e.id for e in kept] == ["a", "d"]
    assert dropped == {"duplicate": 1, "near_duplicate": 1}


@given(st.text(min_size=1, max_size=50))
def test_a_conversation_is_always_on_the_same_side(name: str) -> None:
    assert split(name) == split(name)


def test_the_split_is_about_four_to_one() -> None:
    assert 0.77 < sum(split(f"c{i}") == "train" for i in range(5000)) / 5000 < 0.83


def test_a_row_has_one_system_prompt_of_its_intent() -> None:
    messages = json.loads(row(example("a", "q", "a"), {"default": "D", "quote": "Q"}))["messages"]
    assert [m["content"] for m in messages] == ["Q", "q", "a"]
    assert said(messages) == "q\na"


def test_validate_names_each_fault_with_its_line() -> None:
    good = line(
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    )
    bad = [
        b"{not json}\n",
        line({"messages": [{"role": "robot", "content": "x"}]}),
        line({"messages": [{"role": "user", "content": "x"}]}),
        b'{"messages": [NaN]}\n',
    ]
    faults = check([good, *bad], least=3)
    assert [f.split(":")[0] for f in faults] == ["line 2", "line 3", "line 4", "line 5"]
    assert check([good] * 3, least=3) == []
    assert "200" in check([good])[0]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 300), max_size=6),
    st.integers(0, 300),
    st.sampled_from([1, 5, 20, 100]),
    st.integers(0, 50),
    st.none() | st.integers(1, 60),
)
def test_no_account_has_more_than_its_share_of_what_is_left(
    accounts: dict[str, int], logged: int, percent: int, least: int, most: int | None
) -> None:
    names = [account for account, count in accounts.items() for _ in range(count)]
    one = example("x", "q", "a")
    given = [
        replace(one, id=str(i), conversation=str(i), account=account)
        for i, account in enumerate([*names, *[""] * logged])
    ]
    left = shared_out(given, percent, least, most)
    whole = max(len(left) if most is None else min(len(left), most), least)
    counts = Counter(e.account for e in left)
    assert counts.pop("", 0) == logged
    assert all(count <= math.ceil(percent / 100 * whole) for count in counts.values())
    # and what is cut is cut for that reason only
    fewest = max(counts.values(), default=0)
    assert all(counts[a] == min(n, fewest) for a, n in accounts.items() if n)
