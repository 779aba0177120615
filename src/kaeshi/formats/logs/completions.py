"""OpenAI's stored completions, as the API lists them and the dashboard exports them.

https://platform.openai.com/docs/api-reference/chat/list. The list itself leaves out what was asked:
`GET /chat/completions/ID/messages` has it, and is expected as `messages` or `input` beside it.
"""

from kaeshi.errors import InvalidInput
from kaeshi.formats.logs.shape import Format, Json, Log
from kaeshi.formats.logs.words import messages_of, moment

NAMES = ("conversation_id", "thread_id", "session_id", "chat_id")


def _recognises(record: Json) -> bool:
    return record.get("object") == "chat.completion" or isinstance(record.get("choices"), list)


def _log(record: Json) -> Log:
    asked = messages_of(record.get("input") or record.get("request"), "user")
    if not asked:
        msg = (
            "it has no input, so that only the answer is known; add the messages of "
            "GET /chat/completions/ID/messages as `input`"
        )
        raise InvalidInput(msg)
    answer = messages_of({"choices": record.get("choices")}, "assistant")
    if not answer:
        msg = "it has no choice with a message"
        raise InvalidInput(msg)
    at = moment(record.get("created"))
    answer[0] = {**answer[0], "at": at, "model": record.get("model")}
    return Log({**_about(record), "started_at": at, "messages": [*asked, *answer]})


def _about(record: Json) -> Json:
    metadata = record.get("metadata") or {}
    named = next((metadata[name] for name in NAMES if metadata.get(name)), record.get("id"))
    customer = metadata.get("user_id") or record.get("user")
    return {
        "conversation_id": str(named) if named else None,
        **({"customer_id": str(customer)} if customer else {}),
        **{name: record[name] for name in ("tools", "response_format") if record.get(name)},
    }


FORMAT = Format(name="completions", recognises=_recognises, log=_log)
