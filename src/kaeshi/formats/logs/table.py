"""Tables of comma-separated values: one message a row, or a question with its answer.

Columns are found by their usual names, or named with --columns.
"""

from collections.abc import Iterable, Iterator, Mapping

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs.shape import Format, Json, Log, Piece, Pieces, Rating
from kaeshi.formats.logs.words import moment, role_of, seconds_of

Columns = list[tuple[str, list[str]]]  # what they say, and those of the table that may say it
COLUMNS = {
    "conversation": ("conversation", "conversation_id", "session_id", "thread_id", "chat_id"),
    "role": ("role", "sender", "speaker", "from", "author", "sender_type"),
    "content": ("content", "message", "text", "body", "utterance"),
    "at": ("at", "timestamp", "created_at", "time", "date", "sent_at"),
    "customer": ("customer", "customer_id", "user_id", "user"),
    "question": ("question", "prompt", "input", "query"),
    "answer": ("answer", "response", "output", "completion", "reply"),
    "rating": ("rating", "stars", "csat"),
    "vote": ("vote", "thumbs", "feedback"),
    "comment": ("comment",),
}


def named(columns: str) -> dict[str, str]:
    """`conversation=ticket,content=words` as a mapping. Raises InvalidInput."""
    found = {}
    for part in columns.split(","):
        what, given, column = part.strip().partition("=")
        if not given or what not in COLUMNS:
            msg = f"--columns {part!r} is not NAME=COLUMN with one of {', '.join(COLUMNS)}"
            raise InvalidInput(msg)
        found[what] = column.strip()
    return found


def format_of(columns: Mapping[str, str] | None = None) -> Format:
    """The format of tables, with these columns."""
    chosen = columns or {}

    known: dict[tuple[str, ...], Columns] = {}

    def pieces(row: Json) -> Iterator[Piece]:
        head = tuple(row)
        columns = known.get(head)
        if columns is None:
            columns = known[head] = _columns_of(head, chosen)
        found = {what: said for what, names in columns if (said := _cell(row, names))}
        name = found.get("conversation") or _pair(found)
        if not name:
            raise InvalidInput(_nameless(head))
        at = moment(found.get("at"))
        yield Piece(name, seconds_of(at), {"cells": found, "at": at})

    return Format(name="csv", recognises=lambda _record: False, pieces=pieces, together=_together)


def _pair(found: Mapping[str, str]) -> str:
    """What a question with its answer is called; empty without a question."""
    if not found.get("question"):
        return ""
    return f"{found['question']}\0{found.get('answer', '')}"


def _nameless(columns: Iterable[str]) -> str:
    return (
        f"no column says which conversation a row belongs to: {', '.join(columns)[:200]}; "
        "name it with --columns conversation=COLUMN"
    )


def _columns_of(head: Iterable[str], chosen: Mapping[str, str]) -> Columns:
    """The table's columns for each thing. Raises InvalidInput for a named one that is not there."""
    by_name = {str(column).strip().lower(): column for column in head if column}
    found = [(what, _there(by_name, chosen.get(what), COLUMNS[what])) for what in COLUMNS]
    return [(what, columns) for what, columns in found if columns]


def _there(by_name: Mapping[str, str], chosen: str | None, usual: Iterable[str]) -> list[str]:
    """The named column, or those of the usual names that the table has."""
    if chosen is None:
        return [by_name[name] for name in usual if name in by_name]
    if chosen.lower() not in by_name:
        msg = f"there is no column {chosen!r}; there are {', '.join(by_name)[:200]}"
        raise InvalidInput(msg)
    return [by_name[chosen.lower()]]


def _cell(row: Json, columns: list[str]) -> str:
    """The first of these columns' cells that is not empty."""
    for column in columns:
        cell = row[column]
        if cell and (text := str(cell).strip()):
            return text
    return ""


def _together(conversation: str, rows: Pieces) -> Log:
    messages: list[Json] = []
    ratings: list[Rating] = []
    for row in rows:
        messages += _said(row["cells"], {"at": row["at"]} if row["at"] else {})
        if messages and (said := _rating(row["cells"])):
            ratings.append(Rating(len(messages) - 1, said))
    if not messages:
        msg = (
            "a row has neither content with a role, nor a question with an answer; name the "
            "columns with --columns role=COLUMN,content=COLUMN"
        )
        raise InvalidInput(msg)
    record: Json = {"messages": messages, "source": "csv"}
    if "\0" not in conversation:
        record["conversation_id"] = conversation
    customer = next(filter(None, (row["cells"].get("customer") for row in rows)), None)
    if customer:
        record["customer_id"] = customer
    return Log(record, ratings)


def _said(cells: Mapping[str, str], at: Json) -> list[Json]:
    """A row's messages: its content, else its question and its answer."""
    if cells.get("content"):
        return [{"role": role_of(cells.get("role", "")), "content": cells["content"], **at}]
    pair = (("user", cells.get("question")), ("assistant", cells.get("answer")))
    return [{"role": role, "content": text, **at} for role, text in pair if text]


def _rating(cells: Mapping[str, str]) -> Json:
    said: Json = {}
    if cells.get("rating"):
        try:
            said["rating"] = int(float(cells["rating"]))
        except ValueError as error:
            msg = f"the rating {cells['rating'][:40]!r} is no number"
            raise InvalidInput(msg) from error
    if cells.get("vote"):
        said["vote"] = cells["vote"].lower()
    if cells.get("comment"):
        said["comment"] = cells["comment"]
    return said
