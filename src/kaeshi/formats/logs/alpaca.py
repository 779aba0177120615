"""Alpaca's rows: `{"instruction": "...", "input": "...", "output": "..."}`."""

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs.shape import Format, Json, Log


def _log(record: Json) -> Log:
    asked = record.get("instruction")
    answer = record.get("output")
    if not isinstance(asked, str) or not isinstance(answer, str):
        msg = "instruction and output must be texts"
        raise InvalidInput(msg)
    given = record.get("input")
    messages = [
        {"role": "user", "content": f"{asked}\n\n{given}" if given else asked},
        {"role": "assistant", "content": answer},
    ]
    if isinstance(record.get("system"), str) and record["system"]:
        messages.insert(0, {"role": "system", "content": record["system"]})
    return Log({"messages": messages})


FORMAT = Format(
    name="alpaca",
    recognises=lambda record: "instruction" in record and "output" in record,
    log=_log,
)
