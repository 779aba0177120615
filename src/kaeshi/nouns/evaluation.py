"""Test cases, and how a model fared on them."""

from datetime import datetime
from decimal import Decimal

from kaeshi.nouns.value import Json, Value


class TestCase(Value):
    """A promise that the assistant must keep, never trained on.

    A conversation so far and what the answer must satisfy.
    """

    __test__ = False

    id: str
    messages: tuple[Json, ...]
    must_say: tuple[str, ...] = ()
    must_not_say: tuple[str, ...] = ()
    expected: str | None = None
    hand_over: bool | None = None
    version: int = 1


class CaseResult(Value):
    """The result of one test case. `why` is empty when it passed."""

    case: str
    passed: bool
    why: str
    answer: str


class Evaluation(Value):
    """A model's results on every test case of an assistant."""

    id: str
    assistant: str
    model: str
    cases_sha256: str
    passed: int
    failed: int
    results: tuple[CaseResult, ...]
    at: datetime


class Answer(Value):
    """A chat model's answer. `hand_over`: it asks for a person to take over."""

    text: str
    model: str
    confidence: float | None = None
    hand_over: bool = False
    latency_ms: float | None = None
    cost_usd: Decimal | None = None
    response: Json = {}
