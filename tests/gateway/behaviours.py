"""How clients rewrite their history between turns: frameworks, chat UIs, SDK retries, windows.

Each behaviour is a function from the history that a client holds to the request it sends. A talk is
a few turns of one customer; `Crowd` holds many of them at once before one gateway.
"""

import json
import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kaeshi.gateway.upstream import Reply

Json = dict[str, Any]
Body = tuple[str, Json, dict[str, str]]
CHAT = "/chat/completions"
RESPONSES = "/responses"
WORDS = (
    *("table", "garden", "terrace", "salmon", "tofu", "grill", "party", "Friday", "evening"),
    *("guests", "birthday", "allergy", "shellfish", "deposit", "parking", "vegan", "children"),
    *("music", "flowers", "refund", "candle", "window", "menu", "chef", "knife", "volcano"),
)
GREETINGS = ("Hi", "Hello", "Hey there")


def sentence(draw: random.Random, least: int = 5) -> str:
    return " ".join(draw.choices(WORDS, k=draw.randint(least, 14))).capitalize() + "?"


class Model:
    """An upstream that answers chat and responses, with words or with calls.

    `fails`: how many of the next requests get status 500.
    """

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._number = 0
        self.fails = 0

    async def ask(self, _method: str, path: str, body: bytes, *_: object) -> Reply:
        if self.fails:
            self.fails -= 1
            return Reply(500, {}, b'{"error": {"message": "busy"}}')
        asked = json.loads(body)
        self._number += 1
        made = self._response(asked) if path == RESPONSES else self._completion(asked)
        return Reply(200, {b"content-type": b"application/json"}, json.dumps(made).encode())

    async def close(self) -> None:
        """Nothing to close."""

    def _words(self, asked: str) -> str:
        # a greeting is greeted alike, whoever it comes from
        if asked.strip() in GREETINGS:
            return "Hello! How can I help?"
        return (
            f"Yes: {sentence(self._draw)} Caf\u00e9 {self._draw.randrange(10**6)}.\nAnything else?"
        )

    def _call(self) -> Json:
        arguments = json.dumps({"guests": self._draw.randrange(99), "day": "Friday"})
        return {
            "id": f"call_{self._draw.randrange(10**20):020}",
            "type": "function",
            "function": {"name": "book", "arguments": arguments},
        }

    def _completion(self, asked: Json) -> Json:
        last = asked["messages"][-1]
        message: Json = {"role": "assistant", "content": None, "refusal": None}
        if asked.get("tools") and last["role"] == "user" and self._draw.random() < 0.5:
            message["tool_calls"] = [self._call()]
        else:
            message["content"] = self._words(str(last.get("content")))
            message["reasoning_content"] = "Let me see."
        choices = [
            {"index": i, "message": message if i == 0 else {**message, "content": "Or not."}}
            for i in range(asked.get("n", 1))
        ]
        return {"id": f"chatcmpl-{self._number}", "choices": choices[::-1]}

    def _response(self, asked: Json) -> Json:
        told = asked["input"]
        last = told if isinstance(told, str) else told[-1].get("content", "")
        said = {
            "id": f"msg_{self._number:020}",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": self._words(str(last))}],
        }
        thought = {"id": f"rs_{self._number:020}", "type": "reasoning", "summary": []}
        return {
            "id": f"resp_{self._number:020}",
            "status": "completed",
            "output": [thought, said],
        }


@dataclass
class Talk:
    """One customer's talk: what the client holds, and what the gateway told it."""

    name: str
    draw: random.Random
    turns: list[Json] = field(default_factory=list)
    responses: list[Json] = field(default_factory=list)
    conversations: list[str] = field(default_factory=list)
    arms: list[str] = field(default_factory=list)


Behaviour = Callable[[Talk], Body]
BEHAVIOURS: dict[str, Behaviour] = {}
TOOLS = [{"type": "function", "function": {"name": "book", "parameters": {"type": "object"}}}]


def behaviour(function: Behaviour) -> Behaviour:
    BEHAVIOURS[function.__name__] = function
    return function


def chat(messages: list[Json], **more: Any) -> Body:
    return CHAT, {"model": "concierge", "messages": messages, **more}, {}


def each(talk: Talk, change: Callable[[Json], Json]) -> list[Json]:
    return [change(dict(message)) for message in talk.turns]


def only(*names: str) -> Callable[[Json], Json]:
    return lambda message: {k: v for k, v in message.items() if k in names}


@behaviour
def plain(talk: Talk) -> Body:
    return chat(each(talk, only("role", "content", "tool_calls", "tool_call_id")))


@behaviour
def everything_sent_back(talk: Talk) -> Body:
    return chat(talk.turns)


def dumped_anew(message: Json, **options: Any) -> Json:
    calls = [
        {
            **call,
            "function": {
                **call["function"],
                "arguments": json.dumps(json.loads(call["function"]["arguments"]), **options),
            },
        }
        for call in message.get("tool_calls") or ()
    ]
    return {**message, "tool_calls": calls} if calls else message


@behaviour
def arguments_without_spaces(talk: Talk) -> Body:
    return chat(each(talk, lambda m: dumped_anew(m, separators=(",", ":"))), tools=TOOLS)


@behaviour
def arguments_sorted(talk: Talk) -> Body:
    return chat(each(talk, lambda m: dumped_anew(m, sort_keys=True)), tools=TOOLS)


@behaviour
def arguments_indented_and_content_empty(talk: Talk) -> Body:
    def change(message: Json) -> Json:
        return dumped_anew({**message, "content": message.get("content") or ""}, indent=2)

    return chat(each(talk, change), tools=TOOLS)


@behaviour
def calls_under_ids_of_the_clients_own(talk: Talk) -> Body:
    def change(message: Json) -> Json:
        calls = [{**call, "id": f"c{i}"} for i, call in enumerate(message.get("tool_calls") or ())]
        own = {"tool_call_id": "c0"} if message["role"] == "tool" else {}
        return {**message, **({"tool_calls": calls} if calls else {}), **own}

    return chat(each(talk, change), tools=TOOLS)


@behaviour
def calls_in_the_older_format(talk: Talk) -> Body:
    def change(message: Json) -> Json:
        if message.get("tool_calls"):
            call = message.pop("tool_calls")[0]["function"]
            return {"role": "assistant", "content": None, "function_call": call}
        if message["role"] == "tool":
            return {"role": "function", "name": "book", "content": message["content"]}
        return message

    return chat(each(talk, change), tools=TOOLS)


@behaviour
def results_dumped_anew(talk: Talk) -> Body:
    def change(message: Json) -> Json:
        if message["role"] == "tool":
            message["content"] = json.dumps(json.loads(message["content"]), indent=1)
        return message

    return chat(each(talk, change), tools=TOOLS)


@behaviour
def white_space_trimmed(talk: Talk) -> Body:
    return chat(each(talk, lambda m: {"role": m["role"], "content": m["content"].strip()}))


@behaviour
def white_space_added(talk: Talk) -> Body:
    return chat(each(talk, lambda m: {"role": m["role"], "content": f"{m['content']}\n"}))


@behaviour
def lines_ended_by_cr_lf(talk: Talk) -> Body:
    return chat(each(talk, lambda m: {**m, "content": m["content"].replace("\n", "\r\n")}))


@behaviour
def letters_decomposed(talk: Talk) -> Body:
    return chat(each(talk, lambda m: {**m, "content": unicodedata.normalize("NFD", m["content"])}))


@behaviour
def content_in_parts(talk: Talk) -> Body:
    def change(message: Json) -> Json:
        part = {"type": "text", "text": message["content"]}
        return {"role": message["role"], "content": [part]}

    return chat(each(talk, change))


@behaviour
def parts_with_cache_marks_on_the_last(talk: Talk) -> Body:
    messages = each(talk, only("role", "content"))
    last = messages[-1]
    last["content"] = [
        {"type": "text", "text": last["content"], "cache_control": {"type": "ephemeral"}}
    ]
    return chat(messages)


@behaviour
def thoughts_kept_in_the_text(talk: Talk) -> Body:
    def change(message: Json) -> Json:
        if message["role"] == "assistant":
            message["content"] = f"<think>\nHm.\n</think>\n\n{message['content']}"
        return message

    return chat(each(talk, change))


@behaviour
def names_beside_the_roles(talk: Talk) -> Body:
    return chat(each(talk, lambda m: {**m, "name": "ann"}))


@behaviour
def todays_date_in_the_system_message(talk: Talk) -> Body:
    now = {"role": "system", "content": f"It is minute {len(talk.turns)}."}
    return chat([now, *talk.turns])


@behaviour
def developer_message_and_no_system(talk: Talk) -> Body:
    return chat([{"role": "developer", "content": "Be kind."}, *talk.turns])


@behaviour
def window_of_four(talk: Talk) -> Body:
    return chat(talk.turns[-5:])


@behaviour
def window_of_three_that_begins_with_an_answer(talk: Talk) -> Body:
    return chat(talk.turns[-4:])


@behaviour
def window_behind_a_summary(talk: Talk) -> Body:
    summary = {"role": "system", "content": f"So far: {len(talk.turns)} messages."}
    return chat([summary, *talk.turns[-5:]])


@behaviour
def window_of_the_last_turn(talk: Talk) -> Body:
    return chat(talk.turns[-3:])


@behaviour
def two_choices(talk: Talk) -> Body:
    return chat(talk.turns, n=2)


@behaviour
def responses_with_all_items(talk: Talk) -> Body:
    items: list[Json] = []
    answers = iter(talk.responses)
    for message in talk.turns:
        items += next(answers)["output"] if message["role"] == "assistant" else [message]
    return RESPONSES, {"model": "concierge", "input": items}, {}


@behaviour
def responses_with_plain_messages(talk: Talk) -> Body:
    messages = each(talk, only("role", "content"))
    return RESPONSES, {"model": "concierge", "input": messages}, {}


@behaviour
def responses_after_the_previous(talk: Talk) -> Body:
    body: Json = {"model": "concierge", "input": talk.turns[-1]["content"]}
    if talk.responses:
        body["previous_response_id"] = talk.responses[-1]["id"]
    return RESPONSES, body, {}


@behaviour
def responses_in_a_conversation(talk: Talk) -> Body:
    about = {"id": f"conv_{talk.name}"}
    body = {"model": "concierge", "input": talk.turns[-1:], "conversation": about}
    return RESPONSES, body, {}


@behaviour
def responses_with_references(talk: Talk) -> Body:
    items: list[Json] = []
    answers = iter(talk.responses)
    for message in talk.turns:
        if message["role"] == "assistant":
            said = next(answers)["output"][-1]
            items.append({"type": "item_reference", "id": said["id"]})
        else:
            items.append(message)
    return RESPONSES, {"model": "concierge", "input": items}, {}


@behaviour
def a_title_after_the_first_answer(talk: Talk) -> Body:
    """The UI's own request goes out beside the next turn (see `helpers_of`)."""
    return plain(talk)


@behaviour
def retried_after_an_error(talk: Talk) -> Body:
    """The SDK sends the same bytes again (see `Crowd`)."""
    return plain(talk)


@behaviour
def retried_after_a_timeout(talk: Talk) -> Body:
    """The first answer came too late; the SDK says that it repeats."""
    return plain(talk)


@behaviour
def retried_under_an_idempotency_key(talk: Talk) -> Body:
    path, body, _ = plain(talk)
    return path, body, {"Idempotency-Key": f"{talk.name}-{len(talk.turns)}"}


@behaviour
def asked_again(talk: Talk) -> Body:
    """The customer asks for the last answer again (see `Crowd`)."""
    return plain(talk)


@behaviour
def named_by_metadata(talk: Talk) -> Body:
    path, body, headers = plain(talk)
    return path, {**body, "metadata": {"conversation_id": f"meta {talk.name}"}}, headers


def helpers_of(talk: Talk) -> Iterator[Body]:
    """What Open WebUI and LibreChat ask for themselves after the first answer."""
    told = "\n".join(f"{m['role']}: {m['content']}" for m in talk.turns)
    yield chat(
        [
            {
                "role": "user",
                "content": "### Task:\nGenerate a concise, 3-5 word title with an emoji "
                f"summarizing the chat history.\n<chat_history>\n{told}\n</chat_history>",
            }
        ]
    )
    yield chat(
        [
            *talk.turns,
            {
                "role": "user",
                "content": "Provide a concise, 5-word-or-less title for the conversation, using "
                "its same language, with no punctuation.",
            },
        ]
    )
