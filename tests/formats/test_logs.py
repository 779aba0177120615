"""Every format of logs, each with a sample of our own making."""

import codecs
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs import FORMATS, NAMES, Log, read
from kaeshi.formats.logs import source as sources
from kaeshi.formats.logs.words import extended, moment, role_of, text_of_html
from kaeshi.loop import Loop
from kaeshi.steps import conversation, importing
from kaeshi.steps.importing import Logs
from kaeshi.store.tables import feedback_current

SAMPLES = Path(__file__).parent / "samples"
TEN = ["A table for ten?", "At seven."]
INDOORS = ["Do you cook indoors?", "No, outdoors only."]
# by sample: the words of its conversations, and the feedback in them
EXPECTED: dict[str, tuple[list[list[str]], list[Any]]] = {
    "own.jsonl": ([TEN, INDOORS], [{"thumbs": "up", "real": True}]),
    "array.json": ([["You are the concierge.", *TEN], INDOORS], []),
    "pretty.json": ([TEN], []),
    "sharegpt.json": ([["You are the concierge.", *TEN]], []),
    "alpaca.jsonl": ([["Answer the guest.\n\nA table for ten?", "At seven."], INDOORS], []),
    "completions.json": ([TEN], []),
    "langfuse.json": (
        [[*TEN, "And for twelve?", "At eight."], INDOORS],
        [{"vote": "up", "comment": "quick"}, {"rating": 4}],
    ),
    "langfuse_observations.csv": ([TEN], []),
    "otel.jsonl": ([TEN], []),
    "phoenix.jsonl": ([TEN], []),
    "openllmetry.jsonl": ([["You are the concierge.", *TEN]], []),
    "zendesk.json": (
        [["A table for ten?", "At seven.\nSee you & bye"]],
        [{"vote": "up", "comment": "Thank you"}],
    ),
    "intercom.json": ([TEN], [{"rating": 5, "comment": "quick"}]),
    "table.csv": ([TEN, INDOORS], [{"rating": 5}]),
    "named.csv": ([TEN], []),
    "questions.csv": ([TEN, INDOORS], []),
}
COLUMNS = {"named.csv": "conversation=ticket,role=who,content=words,at=when"}


def logs(path: Path, **more: Any) -> list[Log]:
    return [found.log for found in read(path, **more) if isinstance(found.log, Log)]


def faults(path: Path, **more: Any) -> list[str]:
    return [
        f"{found.where}: {found.log}"
        for found in read(path, **more)
        if isinstance(found.log, InvalidInput)
    ]


def words(log: Log) -> list[str]:
    return [message["content"] for message in log.record["messages"]]


def test_every_sample_is_expected_and_every_format_has_one() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(EXPECTED)
    seen = {
        form.name
        for path in SAMPLES.glob("*.json*")
        for line in [path.read_text()]
        for form in FORMATS
        if any(form.recognises(record) for record in _records(line))
    }
    assert seen | {"csv"} == set(NAMES)


def _records(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]
    if isinstance(found, list):
        return found
    inner = next((v for v in found.values() if isinstance(v, list)), [])
    return [found, *(each for each in inner if isinstance(each, dict))]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_is_read_by_itself_with_its_feedback(name: str) -> None:
    found = logs(SAMPLES / name, columns=COLUMNS.get(name))
    said, feedback = EXPECTED[name]
    assert [words(log) for log in found] == said
    assert [rating.said for log in found for rating in log.ratings] == feedback
    roles = {m["role"] for log in found for m in log.record["messages"]}
    assert {"user", "assistant"} <= roles <= {"system", "user", "assistant"}


def squeezed(raw: bytes, how: str) -> bytes:
    if how == "gz":
        return gzip.compress(raw)
    return zstandard.ZstdCompressor().compress(raw)


@pytest.mark.parametrize("how", ["gz", "zst"])
@pytest.mark.parametrize("name", EXPECTED)
def test_a_compressed_sample_is_read_the_same(name: str, how: str, tmp_path: Path) -> None:
    path = tmp_path / "export"  # the name says nothing
    path.write_bytes(squeezed((SAMPLES / name).read_bytes(), how))
    columns = COLUMNS.get(name)
    assert logs(path, columns=columns) == logs(SAMPLES / name, columns=columns)


ENCODINGS = {
    "mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["own.jsonl", "array.json", "langfuse.json"])
def test_any_encoding_of_windows_is_read(name: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(ENCODINGS[encoding]((SAMPLES / name).read_text()))
    assert logs(path) == logs(SAMPLES / name)


@pytest.mark.parametrize("encoding", ["mark", "crlf", "utf-16"])
def test_any_encoding_of_a_table_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(ENCODINGS[encoding]((SAMPLES / "table.csv").read_text()))
    assert logs(path) == logs(SAMPLES / "table.csv")


def test_a_fault_names_place_format_field_and_remedy(tmp_path: Path) -> None:
    (fault,) = faults(SAMPLES / "completions.json")
    assert "completions.json, record 2: taken for completions: it has no input" in fault
    assert "GET /chat/completions/ID/messages" in fault
    unknown = tmp_path / "unknown.jsonl"
    unknown.write_text('{"utterances": [{"speaker": 1}]}\n')
    (fault,) = faults(unknown)
    assert "unknown.jsonl, line 1: none of the known formats: it has the fields utterances" in fault
    assert "--format" in fault
    with pytest.raises(InvalidInput, match="langfuse"):
        list(read(unknown, "langfuze"))
    table = tmp_path / "table.csv"
    table.write_text("ticket;who;words\n1;ann;Hello\n")
    assert "--columns conversation=COLUMN" in faults(table)[0]
    named = {"columns": "conversation=ticket,role=who,content=words"}
    assert "'ann' is none of" in faults(table, **named)[0]
    with pytest.raises(InvalidInput, match="role"):
        list(read(table, columns="rolle=who"))


def test_a_bad_record_stops_no_other(tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    good = '{"messages": [{"role": "user", "content": "Hi"}]}\n'
    lines.write_text("{broken\n" + good + "[1]\n" + good + '{"messages": NaN}\n')
    assert len(logs(lines)) == 2
    assert [fault.partition(": ")[0][-6:] for fault in faults(lines)] == [
        "line 1",
        "line 3",
        "line 5",
    ]
    spans = tmp_path / "spans.jsonl"
    text = (SAMPLES / "otel.jsonl").read_text()
    spans.write_text(text + '{"resourceSpans": [3]}\n' + "[]\n")
    assert len(logs(spans)) == 1
    assert len(faults(spans)) == 2


def test_a_document_that_ends_in_the_middle_gives_what_came_before(tmp_path: Path) -> None:
    cut = tmp_path / "cut.json"
    cut.write_text((SAMPLES / "array.json").read_text()[:-40])
    assert len(logs(cut)) == 1
    assert "not JSON from here on" in faults(cut)[0]
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(gzip.compress((SAMPLES / "own.jsonl").read_bytes() * 100)[:-20])
    with pytest.raises(InvalidInput, match="cannot be read to its end"):
        logs(torn)


def test_pieces_of_a_conversation_come_together_however_far_apart_and_in_their_order(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    rows = [
        f"c{i % 50},{('user', 'assistant')[turn % 2]},turn {turn} of {i},{1762171200 + turn}"
        for turn in (3, 0, 2, 1)
        for i in range(50)
    ]
    path.write_text("conversation,role,content,at\n" + "\n".join(rows))
    found = logs(path)
    assert len(found) == 50
    for log in found:
        number = log.record["conversation_id"][1:]
        assert words(log) == [f"turn {turn} of {number}" for turn in range(4)]


def test_a_conversation_without_an_end_is_refused_instead_of_filling_the_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    rows = "\n".join(f"c,user,{i}" for i in range(2500))
    path.write_text(f"conversation,role,content\n{rows}\nd,user,Hi\n")
    assert [words(log) for log in logs(path)] == [["Hi"]]
    assert "more than 2000 pieces" in faults(path)[0]


def test_a_large_document_is_found_by_its_list_and_read_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LOOK", 2000)
    path = tmp_path / "tickets.json"
    ticket = json.loads((SAMPLES / "zendesk.json").read_text())["tickets"][0]
    many = {"count": 300, "tickets": [{**ticket, "id": i} for i in range(300)]}
    for text in (json.dumps(many), json.dumps(many, indent=1)):
        path.write_text(text)
        assert [log.record["conversation_id"] for log in logs(path)] == [
            f"zendesk-{i}" for i in range(300)
        ]


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), min_size=1, max_size=6)
)
def test_a_history_that_is_sent_again_with_every_turn_is_stored_once(texts: list[str]) -> None:
    said: list[Any] = []
    history: list[Any] = []
    for number, text in enumerate(texts):
        history = [*history, {"role": "user", "content": text}]
        answer = {"role": "assistant", "content": f"answer {number}"}
        said = extended(said, history, [answer])
        history = [*history, answer]
    assert said == history


def test_a_window_on_a_history_adds_its_last_message_only() -> None:
    def user(text: str) -> Any:
        return {"role": "user", "content": text}

    def bot(text: str) -> Any:
        return {"role": "assistant", "content": text}

    said = [user("1"), bot("a"), user("2"), bot("b")]
    assert extended(said, [bot("b"), user("3")], [bot("c")]) == [*said, user("3"), bot("c")]
    assert extended(said, [user("3")], [bot("c")]) == [*said, user("3"), bot("c")]


def test_times_roles_and_html_are_read_as_the_tools_write_them() -> None:
    for said in (1762171200, "1762171200000", "1762171200000000000", "2025-11-03 12:00:00"):
        assert moment(said) == "2025-11-03T12:00:00+00:00"
    assert moment("") is moment(None) is None
    with pytest.raises(InvalidInput, match="yesterday"):
        moment("yesterday")
    assert role_of(" Human ") == "user"
    with pytest.raises(InvalidInput, match="stranger"):
        role_of("stranger")
    assert text_of_html("<p>One</p><ul><li>two &lt;3</li></ul>") == "One\ntwo <3"


async def test_an_import_stores_conversations_and_their_feedback_once(loop: Loop) -> None:
    for again in (False, True):
        for name in EXPECTED:
            source = Logs(path=SAMPLES / name, columns=COLUMNS.get(name))
            async for done in importing.imported(loop, source, consent="granted"):
                assert done.new == (0 if again else len(EXPECTED[name][0])) or name in REPEATS
    shown = await conversation.show(loop, "session-7")
    assert [m["content"] for m in shown["messages"]] == EXPECTED["langfuse.json"][0][0]
    async with loop.store.read() as tx:
        rows = list(await tx.connection.execute(feedback_current.select()))
    assert sorted((row.metric, row.value) for row in rows if row.metric in {"vote", "rating"}) == [
        ("rating", "4"),
        ("rating", "5"),
        ("rating", "5"),
        ("vote", "up"),
        ("vote", "up"),
        ("vote", "up"),
    ]


# samples that hold a conversation which another sample of the same name held before
REPEATS = {"array.json", "pretty.json", "alpaca.jsonl", "questions.csv", "named.csv", "table.csv"}


async def test_text_that_no_database_stores_is_refused_in_every_format(
    loop: Loop, tmp_path: Path
) -> None:
    path = tmp_path / "nul.json"
    path.write_text((SAMPLES / "sharegpt.json").read_text().replace("At seven.", "At\\u0000seven."))
    (done,) = [part async for part in importing.imported(loop, Logs(path=path))]
    assert done.new == 0
    assert "NUL" in done.refused[0]


def test_a_stream_that_is_no_file_of_ours_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        list(read(tmp_path / "absent.jsonl"))
    with pytest.raises(InvalidInput, match="is a folder"):
        list(read(tmp_path))
    empty = tmp_path / "empty"
    empty.write_bytes(b"\n\n")
    assert list(read(empty)) == []
    binary = tmp_path / "binary"
    binary.write_bytes(io.BytesIO(bytes(range(128, 256)) * 50).read())
    with pytest.raises(InvalidInput, match="cannot be read"):
        list(read(binary))


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>a<br>b</p>", "a\nb"),
        ("x < y & z", "x < y & z"),
        ("<!-- no --><b>yes</b>", "yes"),
        ("<SCRIPT>alert(1)</script>hi<style>p {}</style>", "hi"),
        ('<p class="a>b">q</p>', "q"),
        ("I <3 you <br/>bye", "I <3 you\nbye"),
        ("<!-- without an end", "<!-- without an end"),
    ],
)
def test_html_is_read_as_a_person_would(html: str, words: str) -> None:
    assert text_of_html(html) == words


@pytest.mark.parametrize("piece", ["<", '<a "', "<script>", "<!--", "<p ", "</"])
def test_html_that_begins_again_and_again_is_read_to_its_end(piece: str) -> None:
    text_of_html(piece * 100_000)  # hours in quadratic time


def test_a_first_record_of_no_format_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    good = (SAMPLES / "own.jsonl").read_text()
    path.write_text('{"id": 1, "lines": []}\nnull\n' + good)
    assert [words(log) for log in logs(path)] == [words(log) for log in logs(SAMPLES / "own.jsonl")]
    assert "it is no record of messages" in "".join(faults(path))
    path.write_text('{"id": 1, "lines": []}\n' * 50)
    assert len(faults(path)) == 1


@pytest.mark.parametrize("name", ["zendesk.json", "intercom.json"])
def test_two_tickets_without_an_id_are_refused_and_not_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    text = re.sub(r'^( ?)\{"id": ?[^,]+,', r"\1{", (SAMPLES / name).read_text(), flags=re.MULTILINE)
    path.write_text(text.replace('"id": "44", ', ""))
    assert any("id is missing" in fault for fault in faults(path))


async def test_a_log_without_times_is_of_what_is_over(loop: Loop, tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    said = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "At seven."}]
    rated = {"messages": said, "feedback": [{"vote": "up", "rating": 5}]}
    live = {"messages": [{**said[0], "at": loop.clock.now().isoformat()}, said[1]]}
    path.write_text("\n".join(map(json.dumps, (rated, live))))
    (done,) = [part async for part in importing.imported(loop, Logs(path=path))]
    assert (done.new, done.feedback) == (2, 1)
    assert sorted(one["closed"] for one in await conversation.latest(loop, 10)) == [False, True]
