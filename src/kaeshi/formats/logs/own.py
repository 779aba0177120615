"""kaeshi's own records, and OpenAI's chat and training rows: `{"messages": [...]}`."""

from kaeshi.formats.logs.shape import Format, Json, Log, Rating


def _log(record: Json) -> Log:
    said = record.get("feedback")
    return Log(record, [Rating(-1, said)] if isinstance(said, dict) else ())


FORMAT = Format(
    name="messages",
    recognises=lambda record: isinstance(record.get("messages"), list),
    log=_log,
)
