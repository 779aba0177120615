"""One turn of a live conversation: which model answers this customer, what it says, and a record of both."""

from collections.abc import Sequence

from kaeshi.errors import Conflict
from kaeshi.loop import Loop
from kaeshi.rules.pii import holds_placeholder
from kaeshi.steps import conversation as steps
from kaeshi.types import Answer, Consent, Conversation, Json, Turn

HAND_OVER = "Let me bring in a colleague who can help you with that."


async def answer(loop: Loop, messages: Sequence[Json], *, conversation: str, customer: str, consent: Consent = "none", intents: Sequence[str] = ()) -> tuple[Answer, str]:
    """The assigned model's answer to a conversation so far, logged with its arm; returns it with its message id.

    `messages` is the whole conversation; what is stored already is recognised. An answer that holds a placeholder is never served.
    Raises Conflict while nothing is in production.
    """
    assignment, model = await steps.assign(loop, customer)
    if model is None:
        msg = f"assistant {loop.assistant!r} has nothing in production; start with `kaeshi rollout start MODEL --first`"
        raise Conflict(msg)
    said = await loop.chat.answer(messages, model)
    if holds_placeholder(said.text):
        said = said.model_copy(update={"text": HAND_OVER, "hand_over": True})
    now = loop.clock.now()
    turns = [Turn(id=f"{conversation}#{i}", message=dict(m), at=now) for i, m in enumerate(messages)]
    reply = Turn(
        id=f"{conversation}#{len(messages)}", message={"role": "assistant", "content": said.text}, at=now, confidence=said.confidence, model=model, latency_ms=said.latency_ms, cost_usd=said.cost_usd
    )  # fmt: skip
    record = Conversation(
        id=conversation,
        assistant=loop.assistant,
        customer=customer,
        started_at=now,
        turns=(*turns, reply),
        consent=consent,
        source="gateway",
        intents=tuple(intents),
        experiment=assignment.experiment if assignment else None,
        arm=assignment.arm if assignment else None,
    )
    logged = await steps.log(loop, [record])
    if logged.refused:
        raise Conflict(logged.refused[0])
    return said, reply.id
