"""Zendesk's tickets with their comments, one JSON object each.

https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/. Internal notes are
left out: no customer saw them. The requester is the customer, everybody else answers.
"""

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs.shape import Format, Json, Log, Rating
from kaeshi.formats.logs.words import identifier, moment, text_of_html

VOTES = {"good": "up", "bad": "down"}
DONE = frozenset({"solved", "closed"})


def _ticket(record: Json) -> Json:
    inner = record.get("ticket")
    return (
        {**inner, "comments": record.get("comments", inner.get("comments"))}
        if isinstance(inner, dict)
        else record
    )


def _recognises(record: Json) -> bool:
    ticket = _ticket(record)
    return isinstance(ticket.get("comments"), list) and (
        "requester_id" in ticket or "submitter_id" in ticket or "requester" in ticket
    )


def _log(record: Json) -> Log:
    ticket = _ticket(record)
    requester = ticket.get("requester_id") or (ticket.get("requester") or {}).get("id")
    if requester is None:
        msg = "it has no requester_id, which says who of the authors is the customer"
        raise InvalidInput(msg)
    messages = [
        {
            "role": "user" if comment.get("author_id") == requester else "assistant",
            "content": words,
            "at": moment(comment.get("created_at")),
        }
        for comment in ticket["comments"]
        if comment.get("public", True) and (words := _words(comment))
    ]
    found: Json = {
        "conversation_id": identifier("zendesk", ticket.get("id")),
        "customer_id": str(requester),
        "source": "zendesk",
        "started_at": moment(ticket.get("created_at")),
        "messages": messages,
        "closed": ticket.get("status") in DONE,
        "outcome": {"resolved": ticket["status"] in DONE} if ticket.get("status") else {},
    }
    return Log(found, _ratings(ticket))


def _words(comment: Json) -> str:
    return str(comment.get("plain_body") or "").strip() or text_of_html(
        str(comment.get("html_body") or comment.get("body") or "")
    )


def _ratings(ticket: Json) -> list[Rating]:
    given = ticket.get("satisfaction_rating")
    if not isinstance(given, dict):
        return []
    said: Json = {}
    if given.get("score") in VOTES:
        said["vote"] = VOTES[given["score"]]
    if said and isinstance(given.get("comment"), str) and given["comment"]:
        said["comment"] = given["comment"]
    return [Rating(-1, said)] if said else []


FORMAT = Format(name="zendesk", recognises=_recognises, log=_log, lists=("tickets",))
