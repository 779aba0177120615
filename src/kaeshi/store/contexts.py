"""What requests offered beside their messages, stored once by content and scrubbed before."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, select

from kaeshi.nouns import Json
from kaeshi.store.tables import contexts
from kaeshi.store.verbs import Verbs, among, dumps

_BODIES = select(contexts.c.id, contexts.c.body).where(
    contexts.c.assistant == bindparam("assistant"), among(contexts.c.id, "ids")
)


class ContextVerbs(Verbs):
    """Stores contexts and reads them."""

    async def add(self, assistant: str, offered: Sequence[Json]) -> None:
        """Store those that are new."""
        bodies = {context_id(context): context for context in offered}
        rows = [
            {"assistant": assistant, "id": identifier, "body": dumps(body)}
            for identifier, body in bodies.items()
            if identifier is not None
        ]
        if rows:
            await self._add(contexts, rows)

    async def of(self, assistant: str, ids: Iterable[str | None]) -> dict[str | None, Json]:
        """Contexts by their id."""
        wanted = sorted(i for i in set(ids) if i is not None)
        if not wanted:
            return {}
        rows = await self._rows(_BODIES, assistant=assistant, ids=wanted)
        return {identifier: json.loads(body) for identifier, body in rows}


def context_id(context: Json) -> str | None:
    """The id of a context, by its content; None for an empty one."""
    if not context:
        return None
    return hashlib.sha256(dumps(context).encode()).hexdigest()[:40]
