"""Answers that a language model has yet to give, whole or as server-sent events."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from kaeshi.nouns import Json
from kaeshi.trainer.engines.lora import tools

DONE = b"data: [DONE]\n\n"


if TYPE_CHECKING:
    from kaeshi.trainer.engines.lora.serving import Engine, Wanted


_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}\Z")  # as in gpt-4o-mini-2024-07-18


class ChatRequest(BaseModel):
    """The parts of a chat completion request that the trainer reads."""

    model_config = ConfigDict(extra="ignore")
    model: str
    messages: list[dict[str, Any]] = Field(min_length=1, max_length=2000)
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: int | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    functions: list[Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    prediction: dict[str, Any] | None = None
    web_search_options: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Pending:
    """An answer that a language model has yet to give."""

    wanted: ChatRequest
    head: Json
    engine: "Engine"
    prompt: Sequence[int]
    adapter: str | None
    most: int
    grammar: str | None
    reader: Callable[[], tools.Reader | tools.Plain]

    @property
    def streamed(self) -> bool:
        """Whether the client asked for a stream."""
        return bool(self.wanted.stream)

    async def whole(self) -> tuple[int, bytes]:
        """Status and body when it is complete; all events at once for a stream."""
        if self.streamed:
            return 200, b"".join([piece async for piece in self.pieces()])
        said: list[list[str]] = [[] for _ in range(self.wanted.n or 1)]
        called: list[list[Json]] = [[] for _ in said]
        ends = [""] * len(said)
        count = 0
        async for number, part, over, tokens in self._generated():
            if isinstance(part, tools.Call):
                called[number].append(self._shown(number, len(called[number]), part))
            else:
                said[number].append(part)
            if over is not None:
                ends[number] = over
                count = count + tokens
        if "error" in ends:
            return 500, json.dumps(fault(said[ends.index("error")][-1], "server_error")).encode()
        return self._whole_reply(said, called, ends, count)

    def _whole_reply(
        self, said: list[list[str]], called: list[list[Json]], ends: list[str], count: int
    ) -> tuple[int, bytes]:
        choices = [
            (message("".join(parts), calls), end)
            for parts, calls, end in zip(said, called, ends, strict=True)
        ]
        return 200, json.dumps(
            completion(self.head, choices, usage(len(self.prompt), count))
        ).encode()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events, each as soon as there is something to send.

        A tool call is sent whole: half of its arguments is of no use.
        """
        count = 0
        calls = [0] * (self.wanted.n or 1)
        for number in range(len(calls)):
            yield chunk(self.head, number, {"role": "assistant", "content": ""}, None)
        async for number, part, over, tokens in self._generated():
            if over == "error":
                yield b"data: " + json.dumps(fault(str(part), "server_error")).encode() + b"\n\n"
                return
            if isinstance(part, tools.Call):
                call = {"index": calls[number], **self._shown(number, calls[number], part)}
                calls[number] += 1
                yield chunk(self.head, number, {"tool_calls": [call]}, None)
            elif part:
                yield chunk(self.head, number, {"content": part}, None)
            if over is not None:
                count += tokens
                yield chunk(self.head, number, {}, over)
        yield last_chunk(self.head, self.wanted, usage(len(self.prompt), count))

    async def _generated(self) -> AsyncIterator[tuple[int, str | tools.Call, str | None, int]]:
        """(which of the n, text or call, finish reason or None, tokens so far), as generated.

        When the caller stops reading, the engine stops.
        """
        heard: asyncio.Queue[tuple[int, str, str | None, int]] = asyncio.Queue()
        here = asyncio.get_running_loop()
        asked = [self._ask(number, here, heard) for number in range(self.wanted.n or 1)]
        readers = [self.reader() for _ in asked]
        left = len(asked)
        try:
            while left:
                number, piece, over, tokens = await heard.get()
                left -= over is not None
                if over == "error":
                    yield number, piece, over, tokens
                    continue
                for part in readers[number].take(piece, over=over is not None):
                    yield number, part, None, tokens
                if over is not None:
                    yield (
                        number,
                        "",
                        "tool_calls" if over == "stop" and readers[number].called else over,
                        tokens,
                    )
        finally:
            for each in asked:
                each.cancelled = True

    def _shown(self, number: int, place: int, call: tools.Call) -> Json:
        """A tool call in OpenAI's format; its id is made of the answer's id and its place."""
        name = f"call_{self.head['id'].partition('-')[2]}_{number}_{place}"
        return {
            "id": name,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }

    def _ask(
        self,
        number: int,
        here: asyncio.AbstractEventLoop,
        heard: "asyncio.Queue[tuple[int, str, str | None, int]]",
    ) -> "Wanted":
        from kaeshi.trainer.engines.lora.serving import Wanted  # needs torch

        def send(piece: str, over: str | None) -> None:
            here.call_soon_threadsafe(heard.put_nowait, (number, piece, over, one.count))

        stop = self.wanted.stop
        seed = self.wanted.seed
        one = Wanted(
            ids=self.prompt,
            adapter=self.adapter,
            most=self.most,
            send=send,
            temperature=1.0 if self.wanted.temperature is None else self.wanted.temperature,
            top_p=self.wanted.top_p or 1.0,
            seed=None if seed is None else (seed + number) % 2**63,
            grammar=self.grammar,
            stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        )
        self.engine.ask(one)
        return one


def fault(message: str, kind: str = "invalid_request_error") -> Json:
    """An error in OpenAI's format."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def usage(asked: int, said: int) -> Json:
    """Token counts in OpenAI's format."""
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def message(text: str, calls: Sequence[Json] = ()) -> Json:
    """An assistant message with its tool calls."""
    made: Json = {
        "role": "assistant",
        "content": None if calls and not text else text,
        "refusal": None,
    }
    return made | ({"tool_calls": list(calls)} if calls else {})


def completion(head: Json, said: Sequence[tuple[Json, str]], usage: Json) -> Json:
    """A chat completion with a choice for each (message, finish reason)."""
    return {
        **head,
        "object": "chat.completion",
        "choices": [
            {"index": i, "finish_reason": over, "logprobs": None, "message": message}
            for i, (message, over) in enumerate(said)
        ],
        "usage": usage,
    }


def deltas(text: str) -> tuple[tuple[Json, str | None], ...]:
    """An answer that is known whole, as one delta."""
    return ({"role": "assistant", "content": ""}, None), ({"content": text}, None), ({}, "stop")


def chunk(head: Json, number: int, delta: Json, over: str | None) -> bytes:
    """One event of a stream."""
    choice = {"index": number, "delta": delta, "logprobs": None, "finish_reason": over}
    return (
        b"data: "
        + json.dumps({**head, "object": "chat.completion.chunk", "choices": [choice]}).encode()
        + b"\n\n"
    )


def last_chunk(head: Json, wanted: ChatRequest, usage: Json) -> bytes:
    """The end of a stream, with the token counts if they were requested."""
    if not (wanted.stream_options or {}).get("include_usage"):
        return DONE
    return (
        b"data: "
        + json.dumps(
            {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}
        ).encode()
        + b"\n\n"
        + DONE
    )


def base_of(bases: Mapping[str, str], model: str) -> str:
    """The base behind a name that clients ask for, with or without its date; else the name."""
    return bases.get(model) or bases.get(_DATE.sub("", model)) or model
