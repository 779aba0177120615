"""The one way to ask a candidate: its request as it is served, and the answer.

The offline gate, the mirror, the evaluation on logs and the gateway all prepare their requests
here, so that what is judged is what customers get.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kaeshi import pii
from kaeshi.errors import InvalidInput, NotFound, ProviderError, ProviderUnknown, Refused
from kaeshi.loop import Loop
from kaeshi.nouns import EMBEDDED, HAND_OVER, Answer, Candidate, Json, Serving
from kaeshi.rules import wire
from kaeshi.steps.collection import scrub_messages
from kaeshi.steps.shelf import Shelf

CHAT = "/chat/completions"
UNREGISTERED_AT = datetime(1970, 1, 1, tzinfo=UTC)
HELLO: tuple[Json, ...] = ({"role": "user", "content": "Hello!"},)
Values = Mapping[str, Sequence[str]]
log = logging.getLogger("kaeshi.asking")


class Question(NamedTuple):
    """A client's request: the path below the base URL, the body's bytes, and both decoded.

    `customer`: who asks, where that is known.
    """

    path: str
    raw: bytes
    body: Mapping[str, Any]
    messages: Sequence[Json]
    customer: str = ""


class Prepared(NamedTuple):
    """A request as it goes to the candidate's provider.

    `values`: what placeholders in the answer stand for, by type; None when the candidate reads and
    writes plain text.
    """

    body: bytes
    values: Values | None = None


class HandOver:
    """The conversation could not be scrubbed for a candidate that needs it scrubbed."""


def question(messages: Sequence[Json], model: str) -> Question:
    """A chat completion over these messages, as a client would ask for it."""
    body = {"model": model, "messages": list(messages)}
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Question(path=CHAT, raw=raw, body=body, messages=messages)


def served_name(candidate: Candidate) -> str:
    """The model's name at its provider."""
    return candidate.serving.model or candidate.model


async def prepare(
    loop: Loop, shelf: Shelf, candidate: Candidate, asked: Question
) -> Prepared | HandOver:
    """The request as this candidate is served.

    The body keeps every byte that serving does not change. Raises InvalidInput when the candidate
    reads entries or placeholders and the request is not a chat completion, NotFound when it reads
    entries and there is no index.
    """
    _check_dialect(candidate, asked)
    if candidate.speaks_placeholders:
        return await _prepare_scrubbed(loop, shelf, candidate, asked)
    serving = candidate.serving
    if serving.reads:
        messages = await shelf.informed(loop, candidate, asked.body["messages"], asked.customer)
        return Prepared(body=_body(candidate, asked, messages))
    if serving.opening or serving.parameters:
        return _opened(asked, candidate, serving)
    return Prepared(body=wire.with_model(asked.raw, asked.body, served_name(candidate)))


def _opened(asked: Question, candidate: Candidate, serving: Serving) -> Prepared | HandOver:
    changed = {**asked.body, **serving.parameters, "model": served_name(candidate)}
    changed |= wire.opened(asked.body, serving.opening)
    return Prepared(body=json.dumps(changed, ensure_ascii=False).encode())


async def answer(
    loop: Loop, shelf: Shelf, candidate: Candidate, messages: Sequence[Json]
) -> Answer:
    """The candidate's answer to a customer. Raises ProviderError.

    As in the gateway, a conversation that cannot be scrubbed, and an answer that still holds a
    placeholder, are handed over.
    """
    asked = await prepare(loop, shelf, candidate, question(messages, candidate.model))
    if isinstance(asked, HandOver):
        return Answer(text=HAND_OVER, model=candidate.model, hand_over=True)
    said = await loop.chat.answer(candidate, asked.body)
    return said if asked.values is None else _restored(said, asked.values)


async def answer_scrubbed(
    loop: Loop, shelf: Shelf, candidate: Candidate, messages: Sequence[Json]
) -> Answer:
    """The candidate's answer to messages that are scrubbed already; placeholders stay.

    The request has the same bytes as `answer` sends for the messages before scrubbing.
    """
    asked = question(messages, candidate.model)
    _check_dialect(candidate, asked)
    informed = await shelf.informed(loop, candidate, messages)
    return await loop.chat.answer(candidate, _body(candidate, asked, informed))


async def check_answers(loop: Loop, candidate: Candidate) -> None:
    """Ask the candidate once, as it is served. Raises Refused where no answer comes.

    Where no key of its provider is known, callers bring one, and only that it answers is checked.
    """
    try:
        await answer(loop, Shelf(), candidate, HELLO)
    except ProviderError as error:
        if _has_key(loop, candidate) or isinstance(error, ProviderUnknown):
            msg = (
                f"model {candidate.model!r} was asked once and does not answer: {error}. "
                "Nothing was begun; see --served-as, --base-url and GATEWAY_PROVIDER_KEYS"
            )
            raise Refused(msg) from error


def _has_key(loop: Loop, candidate: Candidate) -> bool:
    """Whether its provider needs no key of a caller."""
    where = candidate.serving.base_url
    if where is None:
        return loop.settings.chats_embedded or loop.settings.openai_api_key is not None
    return where == EMBEDDED or where in loop.settings.provider_keys


async def candidate_named(loop: Loop, model: str) -> Candidate:
    """The registered candidate of that name; a plain model of that name if there is none."""
    try:
        async with loop.store.read() as tx:
            return await tx.candidates.named(loop.assistant, model)
    except NotFound:
        return unregistered(loop.assistant, model)


def unregistered(assistant: str, model: str) -> Candidate:
    """A candidate for a model that is asked without being registered."""
    return Candidate(
        id="",
        assistant=assistant,
        kind="base_model",
        model=model,
        evidence={},
        created_at=UNREGISTERED_AT,
    )


def _check_dialect(candidate: Candidate, asked: Question) -> None:
    if "messages" in asked.body:
        return
    if candidate.serving.reads:
        msg = f"{candidate.model} reads entries or examples first; ask it at /v1/chat/completions"
        raise InvalidInput(msg)
    if candidate.speaks_placeholders:
        msg = f"{candidate.model} is trained on scrubbed chats; ask it at /v1/chat/completions"
        raise InvalidInput(msg)


async def _prepare_scrubbed(
    loop: Loop, shelf: Shelf, candidate: Candidate, asked: Question
) -> Prepared | HandOver:
    policy = loop.policy.for_serving()
    try:
        clean, found = await asyncio.to_thread(scrub_messages, loop, asked.messages, policy)
    except Exception:
        # fail closed: models trained on scrubbed text only receive scrubbed text
        log.exception("the scrubber failed")
        return HandOver()
    messages = await shelf.informed(loop, candidate, clean, asked.customer)
    return Prepared(body=_body(candidate, asked, messages), values=found.found)


def _body(candidate: Candidate, asked: Question, messages: Sequence[Json]) -> bytes:
    changed = {
        **asked.body,
        **candidate.serving.parameters,
        "model": served_name(candidate),
        "messages": [*candidate.serving.opening, *messages],
    }
    return json.dumps(changed, ensure_ascii=False).encode()


def _restored(said: Answer, values: Values) -> Answer:
    text = pii.restore(said.text, values)
    if pii.holds_placeholder(text):
        return said.model_copy(update={"text": HAND_OVER, "hand_over": True})
    return said.model_copy(update={"text": text})
