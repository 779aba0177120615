"""kaeshi's own records, and OpenAI's chat and training rows: `{"messages": [...]}`."""

from kaeshi.formats.logs.shape import Format, Json, Log, Rating


def _log(record: Json) -> Log:
    said = record.get("feedback")
    whole = said if isinstance(said, list) else [said]
    ratings = [Rating(-1, one) for one in whole if isinstance(one, dict) and one]
    for place, message in enumerate(record["messages"]):
        given = message.get("feedback") if isinstance(message, dict) else None
        each = given if isinstance(given, list) else [given]
        ratings += [Rating(place, one) for one in each if isinstance(one, dict) and one]
    return Log(record, ratings)


FORMAT = Format(
    name="messages",
    recognises=lambda record: isinstance(record.get("messages"), list),
    log=_log,
)
