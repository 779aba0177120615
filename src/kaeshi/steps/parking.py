"""Feedback that comes before its message: parked, and recorded when the message is stored.

It counts from the time at which it was received, so that what came early, late or in another order
leaves the same state.
"""

from datetime import timedelta

from kaeshi.errors import InvalidInput, NotFound, Refused, TooMany
from kaeshi.loop import Loop
from kaeshi.nouns import Feedback
from kaeshi.rules.feedback_bodies import Target, Told
from kaeshi.steps import feedback
from kaeshi.store.parked import Parked

AT_ONCE = 200
KEPT = timedelta(days=7)


async def park(loop: Loop, told: Told) -> str:
    """Keep it until its message is stored; returns its id. Repeating it parks it once."""
    now = loop.clock.now()
    identifier = feedback.submission_id(loop, told.feedback)
    # the id is the key under which it is recorded later, so that it is recorded once
    said = told.feedback.model_copy(
        update={"at": told.feedback.at or now, "key": told.feedback.key or identifier}
    )
    async with loop.store.write() as tx:
        await tx.parked.park(loop.assistant, identifier, told.target, said, now)
    return identifier


async def settle(loop: Loop) -> int:
    """Record what waited for messages that are stored by now; returns how much.

    What waited longer than KEPT, or is refused, is deleted.
    """
    recorded = 0
    after = ""
    async with loop.store.read() as tx:
        if not await tx.parked.count(loop.assistant):
            return 0
    while True:
        async with loop.store.read() as tx:
            page, last = await tx.parked.arrived(loop.assistant, after, AT_ONCE)
        if not last:
            break
        after = last
        done = [one.id for one in page if await _is_settled(loop, one)]
        recorded += len(done)
        async with loop.store.write() as tx:
            await tx.parked.forget(loop.assistant, done)
    async with loop.store.write() as tx:
        await tx.parked.expire(loop.assistant, loop.clock.now() - KEPT)
    return recorded


async def _is_settled(loop: Loop, one: Parked) -> bool:
    """Whether it was recorded, or is refused for ever."""
    try:
        about = await named(loop, Told(target=_target(one.target), feedback=one.feedback))
        await feedback.record(loop, [about])
    except NotFound:
        return False
    except (InvalidInput, Refused, TooMany) as error:
        feedback.log.warning("parked feedback %s is refused: %s", one.id, error)
    return True


def _target(name: str) -> Target:
    if name not in {"message_id", "conversation_id", "response_id"}:
        msg = f"parked feedback is about a {name!r}, which is no target"
        raise InvalidInput(msg)
    return name  # type: ignore[return-value]  # checked just above


async def named(loop: Loop, told: Told) -> Feedback:
    """The feedback about a stored message. Raises NotFound while it is not stored."""
    said = told.feedback
    if told.target == "conversation_id":
        return await feedback.about_conversation(loop, said)
    if told.target == "response_id":
        async with loop.store.read() as tx:
            found = await tx.exchanges.message_of(loop.assistant, said.message_id)
        return said if found is None else said.model_copy(update={"message_id": found})
    return said


async def conversation_of(loop: Loop, about: tuple[Target, str]) -> str:
    """The conversation that feedback's target belongs to. Raises NotFound."""
    target, name = about
    if target == "conversation_id":
        return name
    async with loop.store.read() as tx:
        own = (
            await tx.exchanges.message_of(loop.assistant, name) if target == "response_id" else name
        )
        found = await tx.feedback.conversation_of(loop.assistant, own or name)
    if found is None:
        msg = f"message {name!r} of assistant {loop.assistant!r} is not stored; log it first"
        raise NotFound(msg)
    return found
