"""ShareGPT's rows: `{"conversations": [{"from": "human", "value": "..."}]}`."""

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs.shape import Format, Json, Log
from kaeshi.formats.logs.words import role_of

LISTS = ("conversations", "conversation")


def _turns(record: Json) -> list[Json] | None:
    found = next((record[name] for name in LISTS if isinstance(record.get(name), list)), None)
    return found if found and isinstance(found[0], dict) and "from" in found[0] else None


def _log(record: Json) -> Log:
    turns = _turns(record)
    if turns is None:
        msg = "no list `conversations` of turns with `from` and `value`"
        raise InvalidInput(msg)
    messages = [
        {"role": role_of(turn.get("from")), "content": str(turn.get("value", ""))} for turn in turns
    ]
    if isinstance(record.get("system"), str) and record["system"]:
        messages.insert(0, {"role": "system", "content": record["system"]})
    found: Json = {"messages": messages}
    if record.get("id") is not None:
        found["conversation_id"] = str(record["id"])
    return Log(found)


FORMAT = Format(name="sharegpt", recognises=lambda record: _turns(record) is not None, log=_log)
