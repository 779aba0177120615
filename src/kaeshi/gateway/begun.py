"""When an answer has begun: until then another model can still answer instead."""

from collections.abc import AsyncIterator

from kaeshi.errors import ProviderError
from kaeshi.gateway.requests import chained, close_stream
from kaeshi.gateway.upstream import OK, Reply
from kaeshi.rules.answer import Reader, is_failure_of_model


async def begun(reply: Reply) -> Reply:
    """Wait until the answer has begun: a whole body, or a stream's first word or call.

    What came before it is held back, and replayed as it came. Raises ProviderError for an
    error in any spelling, and for a stream that ends with nothing.
    """
    if reply.pieces is None:
        if reply.status == OK and is_failure_of_model(reply.body):
            raise ProviderError("the answer is an error")
        return reply
    if reply.status != OK:
        return await whole(reply)
    try:
        held = await _until_begun(reply.pieces)
    except BaseException:
        await close_stream(reply.pieces)
        raise
    return Reply(reply.status, reply.headers, pieces=chained(held, reply.pieces))


async def _until_begun(pieces: AsyncIterator[bytes]) -> bytes:
    """The bytes of a stream up to its first word or call.

    A stream in a dialect that cannot be read has begun with its first event. Raises ProviderError.
    """
    reader = Reader()
    held: list[bytes] = []
    while not (reader.has_substance or reader.is_finished or reader.is_foreign):
        piece = b"" if reader.is_over else await anext(pieces, b"")
        held.append(piece)
        reader.feed(piece)
        if not piece:
            reader.close()
        if reader.error is not None:
            raise ProviderError(f"the model's provider sent an error: {reader.error}")
        if not piece and not (reader.has_substance or reader.is_finished or reader.is_foreign):
            raise ProviderError("the stream ended before its first word")
    return b"".join(held)


async def whole(reply: Reply) -> Reply:
    """The reply with its body read to the end."""
    if reply.pieces is None:
        return reply
    return Reply(reply.status, reply.headers, b"".join([piece async for piece in reply.pieces]))
