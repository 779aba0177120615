"""Intercom's conversations with their parts, one JSON object each.

https://developers.intercom.com/docs/references/rest-api/api.intercom.io/conversations. Notes,
assignments and other parts that no customer reads are left out.
"""

from kaeshi.formats.logs.shape import Format, Json, Log, Rating
from kaeshi.formats.logs.words import identifier, moment, role_of, text_of_html

SPOKEN = frozenset({"comment", "open", "close", "quick_reply"})
BEST = 5


def _recognises(record: Json) -> bool:
    return "conversation_parts" in record and (
        record.get("type") == "conversation" or isinstance(record.get("source"), dict)
    )


def _log(record: Json) -> Log:
    contacts = (record.get("contacts") or {}).get("contacts")
    first = (contacts or [(record.get("source") or {}).get("author") or {}])[0]
    found: Json = {
        "conversation_id": identifier("intercom", record.get("id")),
        "source": "intercom",
        "started_at": moment(record.get("created_at")),
        "messages": [_message(part) for part in _spoken(record)],
        "closed": record.get("state") == "closed",
    }
    if first.get("id"):
        found["customer_id"] = str(first["id"])
    return Log(found, _ratings(record.get("conversation_rating")))


def _spoken(record: Json) -> list[Json]:
    """The opening, and the parts that a customer reads."""
    parts = record["conversation_parts"]
    listed = parts.get("conversation_parts", ()) if isinstance(parts, dict) else parts
    opening = {**(record.get("source") or {}), "created_at": record.get("created_at")}
    every = [{**opening, "part_type": "comment"}, *listed]
    return [part for part in every if part.get("part_type") in SPOKEN and part.get("body")]


def _message(part: Json) -> Json:
    return {
        "role": role_of((part.get("author") or {}).get("type", "user")),
        "content": text_of_html(str(part["body"])),
        "at": moment(part.get("created_at")),
    }


def _ratings(given: object) -> list[Rating]:
    if not isinstance(given, dict) or not isinstance(given.get("rating"), int):
        return []
    said: Json = {"rating": given["rating"]}
    if given.get("remark"):
        said["comment"] = str(given["remark"])
    return [Rating(-1, said)] if 1 <= given["rating"] <= BEST else []


FORMAT = Format(name="intercom", recognises=_recognises, log=_log, lists=("conversations",))
