"""Brings the pieces of each conversation together, however far apart they lie in a file.

A temporary database sorts them: what does not fit into memory goes to a file that is deleted before
it is used, so that nothing stays behind when the process dies.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter

from pydantic_core import from_json, to_json

from kaeshi.formats.logs.shape import Json, Piece

AT_ONCE = 5000
MOST_PIECES = 2000  # as many messages as a conversation has at most


def grouped(pieces: Iterable[tuple[str, Piece]]) -> Iterator[tuple[str, str, list[Json]]]:
    """(place of its first piece, conversation, pieces in order) of each conversation.

    Conversations come in the order of their first pieces' sorting.
    """
    # "" is SQLite's name for a private file that is already deleted
    with sqlite3.connect("", isolation_level=None) as sorter:
        sorter.execute("PRAGMA journal_mode = OFF")
        sorter.execute("CREATE TABLE pieces (conversation, sorted, place, said)")
        sorter.execute("BEGIN")
        batch: list[tuple[str, float, str, bytes]] = []
        for where, piece in pieces:
            batch.append((piece.conversation, piece.order, where, to_json(piece.said)))
            if len(batch) >= AT_ONCE:
                sorter.executemany("INSERT INTO pieces VALUES (?, ?, ?, ?)", batch)
                batch = []
        sorter.executemany("INSERT INTO pieces VALUES (?, ?, ?, ?)", batch)
        rows = sorter.execute(
            "SELECT conversation, place, said FROM pieces ORDER BY conversation, sorted, rowid"
        )
        for conversation, same in groupby(rows, itemgetter(0)):
            # more are refused later, and reading them all would take memory without a limit
            found = list(islice(same, MOST_PIECES + 1))
            yield found[0][1], conversation, [from_json(said) for *_, said in found]
    sorter.close()
