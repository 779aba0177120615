"""Who is speaking: the customer and the conversation that a request belongs to.

In this order: a conversation of the provider's own, an id of a former answer, the caller's names, a
repeated attempt, the state of the conversation (rules/threads.py).
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from kaeshi.gateway.callers import Callers
from kaeshi.gateway.live import Attempts, Threads
from kaeshi.gateway.requests import callers_ids
from kaeshi.loop import Loop
from kaeshi.nouns import Json
from kaeshi.rules import threads, wire
from kaeshi.rules.threads import References, State

RETRIES = b"x-stainless-retry-count"
IDEMPOTENCY = b"idempotency-key"


class Speaker(NamedTuple):
    """The customer and conversation of a request.

    `scope` separates equal conversations: the conversation's name, else the customer's, else empty.
    `is_unknown`: the request has a history, and neither is named or recognised. `attempt`: by which
    a repetition of this request is recognised. `is_delta`: the provider keeps the history.
    `is_verified`: a signed token names the customer.
    """

    conversation: str
    customer: str
    scope: str
    is_unknown: bool
    attempt: bytes
    is_delta: bool
    is_verified: bool
    network: str = ""


class Speakers:
    """Recognises who is speaking, from memory and else from the store."""

    def __init__(self, loop: Loop, known: Threads, callers: Callers) -> None:
        seconds = loop.settings.gateway_timeout_seconds
        self._callers = callers
        self._store = loop.store
        self._keyring = loop.store.keyring
        self._ids = loop.ids
        self._threads = known
        self._begun = Attempts(seconds)
        self._failed = Attempts(seconds)
        self._under_way: dict[bytes, str] = {}

    async def of(
        self,
        assistant: str,
        headers: Mapping[bytes, bytes],
        body: Any,
        messages: Sequence[Json],
        raw: bytes,
        network: str,
    ) -> Speaker:
        """Who sent this request. Raises Fault for bad ids."""
        refers = threads.references(body)
        said, named = callers_ids(headers, body, refers)
        customer, is_verified = self._callers.customer(headers, said)
        scope = refers.conversation or named or customer or ""
        known = await self._by_name(assistant, refers, named)
        if known is None:
            is_named = customer is not None
            place = threads.scoped(scope, network)
            known = await self._by_history(assistant, place, messages, refers, is_named=is_named)
        attempt = self._attempt_of(assistant, customer or network, headers, raw)
        has_history = refers.is_delta or _has_history(messages)
        is_unknown = known is None and customer is None and has_history
        known = (
            known or self._repeated(assistant, attempt, headers, customer) or self._ids.new("conv")
        )
        self._begun.put(attempt, known)
        customer = customer or self._customer_in(known)
        return Speaker(
            known, customer, scope, is_unknown, attempt, refers.is_delta, is_verified, network
        )

    async def _by_history(
        self,
        assistant: str,
        scope: str,
        messages: Sequence[Json],
        refers: References,
        *,
        is_named: bool,
    ) -> str | None:
        """The conversation that what was said so far stands for."""
        replies = wire.replied(messages)
        if not replies and not refers.ids:
            return None
        states = threads.states_before(messages, replies, refers.ids, is_named=is_named)
        return await self._in_state(assistant, scope, states)

    async def _by_name(self, assistant: str, refers: References, named: str | None) -> str | None:
        """The conversation as the request names it: the provider's, a former answer's, its own."""
        if refers.conversation is not None:
            return refers.conversation
        if refers.is_delta:
            states = threads.states_before((), 0, refers.ids, is_named=False)
            known = await self._in_state(assistant, "", states)
            if known is not None:
                return known
        return named

    def _customer_in(self, conversation: str) -> str:
        """The customer of a request that names none: the one that the conversation has.

        Where tokens are used, a conversation's id is no proof of being its customer.
        """
        known = self._threads.customer_of(conversation)
        if known is not None and not self._callers.uses_tokens:
            return known
        return self._callers.doubted(threads.unnamed(conversation))

    def remember(
        self,
        assistant: str,
        speaker: Speaker,
        states: Sequence[State],
    ) -> None:
        """The conversation is now in these states."""
        conversation = speaker.conversation
        is_named = speaker.scope == conversation
        place = threads.scoped(speaker.scope, speaker.network)
        for state in states:
            if state.is_id or not is_named:  # a named conversation is not looked up by its state
                self._threads.put(self._digest(assistant, place, state), conversation)
        if speaker.customer != self._callers.doubted(threads.unnamed(conversation)):
            self._threads.belongs(conversation, speaker.customer)

    def began(self, speaker: Speaker) -> None:
        """The request is being answered."""
        self._under_way[speaker.attempt] = speaker.conversation

    def ended(self, speaker: Speaker) -> None:
        """The request is over, however it ended."""
        self._under_way.pop(speaker.attempt, None)

    def not_answered(self, speaker: Speaker) -> None:
        """The request had no answer, or it did not reach the client, which may send it again."""
        self._failed.put(speaker.attempt, speaker.conversation)

    async def _in_state(self, assistant: str, scope: str, states: Sequence[State]) -> str | None:
        """The conversation in the strongest known state; None without one, or with several."""
        if not states:
            return None
        digests = [self._digest(assistant, scope, state) for state in states]
        for digest in digests:
            known = self._threads.get(digest)
            if known is not None:
                return known or None
        # from another process, or from before this one started
        async with self._store.read() as tx:
            return await tx.exchanges.conversation_of(assistant, digests) or None

    def _digest(self, assistant: str, scope: str, state: State) -> str:
        return self._keyring.digest(assistant, "" if state.is_id else scope, state.key)

    def _attempt_of(
        self, assistant: str, sender: str, headers: Mapping[bytes, bytes], raw: bytes
    ) -> bytes:
        """By what a repetition is recognised. `sender`: the customer, else the network."""
        digest = blake2b(headers.get(IDEMPOTENCY) or raw, digest_size=16)
        digest.update(f"\0{assistant}\0{sender}".encode("utf-8", "replace"))
        return digest.digest()

    def _repeated(
        self,
        assistant: str,
        attempt: bytes,
        headers: Mapping[bytes, bytes],
        customer: str | None,
    ) -> str | None:
        """The conversation that an earlier attempt of this request began.

        Equal bytes alone are no repetition: many conversations begin with "Hello". An attempt must
        have failed, or be of the same named customer and still under way, or the client must say
        that it repeats one.
        """
        if IDEMPOTENCY in headers:
            # the same in every process of the gateway
            return self._keyring.pseudonym(assistant, attempt.hex(), "conv")
        if customer is not None and attempt in self._under_way:
            return self._under_way[attempt]
        says_so = headers.get(RETRIES, b"0").strip() not in {b"0", b""}
        return self._failed.take(attempt) or (self._begun.take(attempt) if says_so else None)


def _has_history(messages: Sequence[Json]) -> bool:
    """Whether the customer was answered before.

    A widget's greeting is no answer, and neither is the beginning of one that is asked for.
    """
    has_asked = False
    for message in messages[:-1]:
        if message["role"] == "user":
            has_asked = True
        elif message["role"] == "assistant" and has_asked:
            return True
    return False
