"""One turn of a live conversation: which model answers this customer, what it says, and a record of both."""

import asyncio
from collections.abc import Sequence

from kaeshi.errors import Conflict, KaeshiError
from kaeshi.loop import Loop
from kaeshi.rules import pii
from kaeshi.steps import conversation as steps
from kaeshi.steps.collection import scrub_messages
from kaeshi.types import (
    CANDIDATE_FAILED,
    HAND_OVER,
    Answer,
    Assignment,
    Consent,
    Conversation,
    Json,
    Outcome,
    Turn,
)


async def respond(
    loop: Loop, routing: steps.Routing, messages: Sequence[Json], customer: str
) -> tuple[Answer, Assignment | None, tuple[Outcome, ...]]:
    """The assigned model's answer: scrub, ask, restore. While a candidate is mirrored it is asked too, and only how it fared is kept.

    Where the candidate fails, production answers, and the failure counts against the candidate.

    An answer that still holds a placeholder, or a scrubber that fails, becomes a hand-over. Raises Conflict while nothing is in production.
    """
    assignment, assigned = routing.assign(customer)
    if assigned is None:
        msg = f"assistant {loop.assistant!r} has nothing in production; start with `kaeshi rollout start MODEL --first`"
        raise Conflict(msg)
    try:
        scrubbed, found = await asyncio.to_thread(
            scrub_messages, loop, messages, loop.policy.for_serving()
        )
    except KaeshiError:
        return Answer(text=HAND_OVER, model=assigned.model, hand_over=True), assignment, ()
    said, outcomes = await _ask(loop, routing, assignment, assigned.model, scrubbed)
    if routing.mirrored and routing.candidate is not None:
        outcomes = await _mirror(loop, routing.candidate.model, scrubbed, said)
    text = pii.restore(said.text, found.found)
    if pii.holds_placeholder(text):
        return said.model_copy(update={"text": HAND_OVER, "hand_over": True}), assignment, outcomes
    return said.model_copy(update={"text": text}), assignment, outcomes


async def answer(
    loop: Loop,
    messages: Sequence[Json],
    *,
    conversation: str,
    customer: str,
    consent: Consent = "none",
) -> tuple[Answer, str]:
    """Answer a conversation so far and log it with its arm; returns the answer with its message id, for feedback.

    `messages` is the whole conversation; what is stored already is recognised. Raises Conflict when it was stored differently.
    """
    said, assignment, outcomes = await respond(loop, await steps.routing(loop), messages, customer)
    record = as_record(
        loop,
        messages,
        said,
        assignment,
        outcomes,
        conversation=conversation,
        customer=customer,
        consent=consent,
    )
    logged = await steps.log(loop, [record])
    if logged.refused:
        raise Conflict(logged.refused[0])
    return said, record.turns[-1].id


def as_record(
    loop: Loop,
    messages: Sequence[Json],
    said: Answer,
    assignment: Assignment | None,
    outcomes: Sequence[Outcome],
    *,
    conversation: str,
    customer: str,
    consent: Consent,
) -> Conversation:
    """The conversation with the answer at its end, as it is logged."""
    now = loop.clock.now()
    turns = [
        Turn(id=f"{conversation}#{i}", message=dict(m), at=now) for i, m in enumerate(messages)
    ]
    reply = Turn(
        id=f"{conversation}#{len(messages)}",
        message={"role": "assistant", "content": said.text},
        at=now,
        confidence=said.confidence,
        model=said.model,
        latency_ms=said.latency_ms,
        cost_usd=said.cost_usd,
    )
    return Conversation(
        id=conversation,
        assistant=loop.assistant,
        customer=customer,
        started_at=now,
        turns=(*turns, reply),
        consent=consent,
        source="gateway",
        outcomes=tuple(outcomes),
        experiment=assignment.experiment if assignment else None,
        arm=assignment.arm if assignment else None,
        share=assignment.share if assignment else None,
    )


async def _ask(
    loop: Loop,
    routing: steps.Routing,
    assignment: Assignment | None,
    model: str,
    messages: Sequence[Json],
) -> tuple[Answer, tuple[Outcome, ...]]:
    try:
        return await loop.chat.answer(messages, model), ()
    except KaeshiError:
        if assignment is None or assignment.arm == "production" or routing.production is None:
            raise
        said = await loop.chat.answer(messages, routing.production.model)
        return said, (
            Outcome(name=CANDIDATE_FAILED, value=True, at=loop.clock.now(), source="gateway"),
        )


async def _mirror(
    loop: Loop, candidate: str, messages: Sequence[Json], said: Answer
) -> tuple[Outcome, ...]:
    """Ask the candidate as well. Nobody sees its answer; whether it failed, and whether it agreed, is kept."""
    now = loop.clock.now()
    try:
        theirs = await loop.chat.answer(messages, candidate)
    except KaeshiError:
        return (Outcome(name="mirror_failed", value=True, at=now, source="mirror"),)
    same = theirs.hand_over == said.hand_over and theirs.text == said.text
    return Outcome(name="mirror_failed", value=False, at=now, source="mirror"), Outcome(
        name="mirror_same", value=same, at=now, source="mirror"
    )
