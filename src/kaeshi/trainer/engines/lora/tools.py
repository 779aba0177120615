"""Function calls: how a base's chat template writes them, and back to OpenAI's form.

Without torch. Two forms are read: `<tool_call>` around JSON (Hermes, Qwen, SmolLM) and a JSON
object that is the whole answer (Llama). A base whose template writes calls otherwise, or has none,
is offered no functions: guessing would lose calls in the text.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Json, text_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Form = Literal["tagged", "whole"]
OPEN = "<tool_call>"
CLOSE = "</tool_call>"
END = "}\n" + CLOSE
ARGUMENTS: dict[Form, str] = {"tagged": "arguments", "whole": "parameters"}
_SPACING = {
    "whitespace_flexible": False,
    "key_separator": ": ",
    "item_separator": ", ",
}  # JSON as templates write it


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function call by the model; `arguments` is JSON, as at OpenAI."""

    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The offered functions, which of them may be called, and whether a call is required.

    Once, or more often.
    """

    shown: tuple[Json, ...]
    allowed: tuple[Json, ...]
    must: bool
    several: bool


def offered(tools: Sequence[Any] | None, choice: Any, *, several: bool) -> Offer | None:
    """The request's `tools` and `tool_choice`; None where nothing may be called.

    Raises InvalidInput for unsupported ones.
    """
    if not tools:
        if choice not in (None, "none", "auto"):  # a tuple: client input may not be hashable
            msg = f"tool_choice {choice!r} without tools"
            raise InvalidInput(msg)
        return None
    _check_tools(tools)
    names = [tool["function"]["name"] for tool in tools]
    match choice:
        case None | "auto" | "required":
            allowed = tuple(tools)
        case "none":
            return None
        case {"type": "function", "function": {"name": name}} if name in names:
            allowed = (tools[names.index(name)],)
        case _:
            msg = (
                f"tool_choice {choice!r}: none, auto, required and one of the functions "
                f"{', '.join(names)} are served"
            )
            raise InvalidInput(msg)
    named = isinstance(choice, dict)
    return Offer(
        shown=tuple(tools),
        allowed=allowed,
        must=named or choice == "required",
        several=several and not named,
    )


def _check_tools(tools: Sequence[Any]) -> None:
    for i, tool in enumerate(tools):
        match tool:
            case {"type": "function", "function": {"name": str(name)}} if (
                isinstance(tool["function"].get("parameters", {}), dict) and name
            ):
                continue
        msg = f"tools[{i}]: a function with a name, and a JSON schema as its parameters, is served"
        raise InvalidInput(msg)


def form_of(tokenizer: "PreTrainedTokenizerBase") -> Form | None:
    """How the tokenizer's chat template writes calls.

    None where it has no tools, or writes them in an unsupported form.
    """
    try:
        asked = written(tokenizer, _PROBE[:1], _PROBE_OFFER.shown, ask=True)
        answered = written(tokenizer, _PROBE, _PROBE_OFFER.shown)
    except InvalidInput:
        return None
    if not answered.startswith(asked):
        return None
    said = answered.removeprefix(asked)
    for token in tokenizer.added_tokens_decoder.values():  # special tokens are not sent
        if token.special:
            said = said.replace(token.content, "")
    return next(
        (
            form
            for form in ARGUMENTS
            if _PROBE_CALL in Reader(form, _PROBE_OFFER).take(said, over=True)
        ),
        None,
    )


def written(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Json],
    tools: Sequence[Json] | None,
    *,
    ask: bool = False,
) -> str:
    """The conversation in the tokenizer's chat template.

    Up to the assistant's turn if it is to `ask`. Raises InvalidInput where the template refuses it.
    """
    from jinja2 import TemplateError

    plain_ones = [plain(message) for message in messages]
    try:
        return str(
            tokenizer.apply_chat_template(
                plain_ones,
                tools=list(tools) if tools else None,
                tokenize=False,
                add_generation_prompt=ask,
            )
        )
    except (TemplateError, TypeError, ValueError) as error:
        msg = f"the base's chat template cannot write these messages: {error}"
        raise InvalidInput(msg) from error


def grammar(form: Form, offer: Offer) -> str | None:
    """A grammar in llguidance's language that holds an answer to the offer.

    None where nothing needs to be held.
    """
    from llguidance import StructTag

    starts = [
        (f'{{"name": {json.dumps(f["name"])}, "{ARGUMENTS[form]}": ', _schema(f))
        for f in _functions(offer)
    ]
    if form == "whole":
        return _whole_grammar(starts) if offer.must else None
    if not offer.must and offer.several:
        tags = [
            StructTag(trigger=OPEN, begin=f"{OPEN}\n{start}", grammar=schema, end=END)
            for start, schema in starts
        ]
        return str(StructTag.to_grammar(tags, assume_special=False))
    insides = " | ".join(
        f"{json.dumps(chr(10) + start)} %json {schema} {json.dumps(END)}"
        for start, schema in starts
    )
    if not offer.must:
        return (
            f"start: TEXT | head inside\nhead[lazy]: TEXT {json.dumps(OPEN)}\nTEXT: /(.|\\n)*/\n"
            f"inside: {insides}"
        )
    more = ' ("\\n" call)*' if offer.several else ""
    return f"start: call{more}\ncall: {json.dumps(OPEN)} inside\ninside: {insides}"


def _whole_grammar(starts: Sequence[tuple[str, Any]]) -> str:
    """The grammar of an answer that is one call and nothing else."""
    calls = [f"{json.dumps(start)} %json {schema} {json.dumps('}')}" for start, schema in starts]
    return "start: " + " | ".join(calls)


class Reader:
    """Splits an answer into text and calls as it arrives."""

    def __init__(self, form: Form, offer: Offer) -> None:
        self._form = form
        self._names = {f["name"] for f in _functions(offer)}
        self._held = ""
        self.called = self._beside = False

    def take(self, piece: str, *, over: bool) -> list[str | Call]:
        """The parts that are certain. White space beside a call belongs to neither."""
        self._held += piece
        return list(self._whole(over=over) if self._form == "whole" else self._tagged(over=over))

    def _whole(self, *, over: bool) -> Iterator[str | Call]:
        if not over and self._held.lstrip()[:1] in {"", "{"}:
            return
        said = self._held
        self._held = ""
        call = self._call(said) if over else None
        if call is not None:
            self.called = True
            yield call
        elif said:
            yield said

    def _tagged(self, *, over: bool) -> Iterator[str | Call]:
        while True:
            before, opened, rest = self._held.partition(OPEN)
            call, after = self._first_call(rest, over=over)
            if not opened or (call is None and not over):
                break
            yield from self._said(
                before.rstrip() if call is not None else self._held.removesuffix(after)
            )
            if call is not None:
                self.called = self._beside = True
                yield call
            self._held = after
        certain = (
            len(self._held) if over else len(before.rstrip()) if opened else _certain(self._held)
        )
        yield from self._said(self._held[:certain])
        self._held = self._held[certain:]

    def _first_call(self, rest: str, *, over: bool) -> tuple[Call | None, str]:
        """The first call, and the text after it; its arguments may contain the closing mark.

        Without a valid call, the text up to the first mark.
        """
        ends = [match.start() for match in re.finditer(CLOSE, rest)]
        tried = ends or ([len(rest)] if over else [])
        call, end = next(
            ((call, end) for end in tried if (call := self._call(rest[:end])) is not None),
            (None, min(tried, default=0)),
        )
        return call, rest[end + len(CLOSE) :]

    def _said(self, text: str) -> Iterator[str]:
        said = text.lstrip() if self._beside else text
        if said:
            self._beside = False
            yield said

    def _call(self, text: str) -> Call | None:
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return None
        match said:
            case {"name": str(name)} if name in self._names and isinstance(
                arguments := said.get(ARGUMENTS[self._form], {}), dict
            ):
                return Call(name=name, arguments=json.dumps(arguments, ensure_ascii=False))
        return None


class Plain:
    """Splits nothing: no function was offered, so all of the answer is text."""

    called = False

    def take(self, piece: str, *, over: bool) -> list[str | Call]:  # noqa: ARG002  # a Reader's
        """The piece."""
        return [piece] if piece else []


def plain(message: Json) -> Json:
    """A message as chat templates read it.

    Content as one text, arguments as values, without fields for the trainer. Raises InvalidInput
    for calls that are not in OpenAI's form, with a JSON object as arguments.
    """
    kept = {
        name: value
        for name, value in message.items()
        if name not in {"weight", "name", "tool_calls"}
    }
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        msg = f"tool_calls {calls!r} is not a list"
        raise InvalidInput(msg)
    return {
        **kept,
        "content": text_of(message),
        **({"tool_calls": [_opened(call) for call in calls]} if calls else {}),
    }


def _opened(call: Any) -> Json:
    match call:
        case {"function": {"name": str(), "arguments": str(said)} as function}:
            try:
                arguments = json.loads(said)
            except (ValueError, RecursionError):
                arguments = None
            if isinstance(arguments, dict):
                return {**call, "function": {**function, "arguments": arguments}}
    msg = (
        f"tool_calls has {call!r}: a function with its name, and arguments that are a JSON "
        "object in a string"
    )
    raise InvalidInput(msg)


def _functions(offer: Offer) -> list[Json]:
    return [tool["function"] for tool in offer.allowed]


def _schema(function: Json) -> str:
    return json.dumps({"type": "object", **function.get("parameters", {}), "x-guidance": _SPACING})


def _certain(text: str) -> int:
    """How much of a text cannot be the beginning of a call, or white space before one."""
    held = next(
        (n for n in range(min(len(OPEN) - 1, len(text)), 0, -1) if OPEN.startswith(text[-n:])), 0
    )
    return len(text[: len(text) - held].rstrip())


_PROBE_CALL = Call(name="look_up", arguments='{"word": "rain"}')
_PROBE_OFFER = Offer(
    shown=(
        {
            "type": "function",
            "function": {
                "name": "look_up",
                "description": "Look a word up.",
                "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
            },
        },
    ),
    allowed=({"type": "function", "function": {"name": "look_up"}},),
    must=False,
    several=True,
)
_PROBE: tuple[Json, ...] = (
    {"role": "user", "content": "Rain?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": _PROBE_CALL.name, "arguments": _PROBE_CALL.arguments},
            }
        ],
    },
)
