"""Why a model did not answer, and saying so: in the log, and to people.

The reason names a status, the provider's own code, or a kind of error. What was said stays out.
"""

import asyncio
import logging
from collections import Counter

from pydantic_core import from_json

from kaeshi.errors import ProviderError, ProviderUnknown
from kaeshi.gateway.upstream import Reply
from kaeshi.loop import Loop
from kaeshi.nouns import Candidate
from kaeshi.steps.notice import notify

FEW = 3  # failures for one reason after which people are told
# the codes and types of providers' errors that are repeated: a provider may write anything there
CODES = frozenset(
    {
        "api_error",
        "authentication_error",
        "billing_not_active",
        "content_filter",
        "context_length_exceeded",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_request_error",
        "model_not_found",
        "not_found_error",
        "overloaded_error",
        "permission_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "server_error",
        "timeout",
        "unsupported_parameter",
    }
)
NO_ANSWER = "an error in place of an answer"
log = logging.getLogger("kaeshi.gateway")


def of_reply(reply: Reply) -> str:
    """The reason in a reply that is no answer.

    >>> of_reply(Reply(404, {}, b'{"error": {"code": "model_not_found"}}'))
    'HTTP 404 model_not_found'
    """
    return f"HTTP {reply.status} {_code_in(reply.body)}".rstrip()


def of_error(error: Exception) -> str:
    """The reason in an error: its kind, for its words may repeat what was said, or a key."""
    if isinstance(error, ProviderUnknown):
        return "no answer came"
    if isinstance(error, ProviderError):
        return NO_ANSWER
    return type(error).__name__


def _code_in(body: bytes) -> str:
    try:
        said = from_json(body)
    except ValueError:
        return ""
    error = said.get("error") if isinstance(said, dict) else None
    named = [error.get("code"), error.get("type")] if isinstance(error, dict) else []
    return next((code for code in named if isinstance(code, str) and code in CODES), "")


class Failures:
    """Counts the failures of candidates by reason.

    The first goes to the log, and then each that makes ten times as many; the third, and then each
    that makes ten times as many, to people.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._telling: set[asyncio.Task[None]] = set()

    def add(self, assistant: str, candidate: Candidate, experiment: str, reason: str) -> None:
        """Count one."""
        place = (assistant, experiment, reason)
        self._counts[place] += 1
        count = self._counts[place]
        words = (
            f"candidate {candidate.model} of {assistant} did not answer ({reason}), "
            f"{count} times so far; production answered instead"
        )
        if _is_power_of_ten(count):
            log.warning(words)
        if count % FEW == 0 and _is_power_of_ten(count // FEW):
            told = asyncio.get_running_loop().create_task(notify(self._loop, words))
            self._telling.add(told)
            told.add_done_callback(self._telling.discard)


def _is_power_of_ten(count: int) -> bool:
    return str(count).strip("0") == "1"
