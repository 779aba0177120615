"""Whether an answer keeps a promise."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from kaeshi.errors import InvalidInput
from kaeshi.nouns import Answer, CaseResult, Evaluation, Json, Role, TestCase

_SPACES = re.compile(r"\s+")


def judge(case: TestCase, answer: Answer) -> CaseResult:
    """Pass, or the first fault.

    A case that expects a hand-over passes with a hand-over only.
    """
    return CaseResult(
        case=case.id,
        passed=not (why := _fault(case, answer)),
        why=why,
        answer="" if answer.hand_over else answer.text,
    )


def parse(raw: Mapping[str, Any]) -> TestCase:
    """A test case from a file: {messages, must_say?, must_not_say?, expected?, hand_over?}.

    `question` is short for one user message.
    """
    messages = _conversation_of(raw)
    promises = _promises_of(raw)
    identifier = _identifier_of(messages, promises, raw)
    return TestCase(id=identifier, messages=tuple(messages), **promises)


def _conversation_of(raw: Mapping[str, Any]) -> list[Json]:
    """The messages of a test case; the last is the customer's. Raises InvalidInput."""
    messages: Any = raw.get("messages")
    if not messages and isinstance(raw.get("question"), str):
        messages = [{"role": "user", "content": raw["question"]}]
    if not _are_messages(messages):
        msg = "a test case needs `messages` (role and content) or a `question`"
        raise InvalidInput(msg)
    found: list[Json] = messages
    if not all(m["role"] in get_args(Role) for m in found) or not found[-1]["content"].strip():
        msg = (
            f"roles are {', '.join(get_args(Role))}, and the customer's question must not be empty"
        )
        raise InvalidInput(msg)
    if found[-1]["role"] != "user":
        msg = (
            "the last message of a test case must be the customer's; the answer goes into "
            "`expected`"
        )
        raise InvalidInput(msg)
    return found


def _are_messages(found: Any) -> bool:
    if not isinstance(found, list) or not found:
        return False
    return all(
        isinstance(m, dict) and isinstance(m.get("content"), str) and isinstance(m.get("role"), str)
        for m in found
    )


def _promises_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What the answer has to satisfy. Raises InvalidInput."""
    promises = {
        name: raw[name]
        for name in ("must_say", "must_not_say", "expected", "hand_over")
        if raw.get(name) is not None
    }
    if not promises:
        msg = "a test case needs a promise: must_say, must_not_say, expected or hand_over"
        raise InvalidInput(msg)
    _normalise_texts(promises)
    if (
        promises.get("expected") == ""
        or not isinstance(promises.get("expected", ""), str)
        or not isinstance(promises.get("hand_over", True), bool)
    ):
        msg = "expected must be a non-empty text, hand_over true or false"
        raise InvalidInput(msg)
    return promises


def _normalise_texts(promises: dict[str, Any]) -> None:
    for name in ("must_say", "must_not_say"):
        if name in promises:
            values = [promises[name]] if isinstance(promises[name], str) else promises[name]
            if (
                not isinstance(values, list)
                or not values
                or not all(isinstance(v, str) and v for v in values)
            ):
                msg = f"{name} must be a text or a list of texts"
                raise InvalidInput(msg)
            promises[name] = tuple(values)


def _identifier_of(messages: list[Any], promises: dict[str, Any], raw: Mapping[str, Any]) -> str:
    content = repr((messages, sorted(promises.items())))
    identifier = (
        raw.get("id")
        or "case_" + hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]
    )
    if (
        not isinstance(identifier, str) or len(identifier) > 200 or not identifier.isprintable()
    ):  # the limit of every id
        msg = "id must be a text of at most 200 printable characters"
        raise InvalidInput(msg)
    return identifier


def lost_promises(candidate: Evaluation, production: Evaluation | None) -> list[str]:
    """The cases for which a candidate fails the gate; empty when it passes.

    It passes when it keeps every promise that production keeps, or keeps more promises in all.
    Without a production it must keep every one.
    """
    if production is None:
        return [result.case for result in candidate.results if not result.passed]
    if candidate.passed > production.passed:
        return []
    kept = {result.case for result in candidate.results if result.passed}
    return [
        result.case for result in production.results if result.passed and result.case not in kept
    ]


def same_answer(said: str, expected: str) -> bool:
    """Equal but for case, spacing and outer punctuation."""
    return _plain(said) == _plain(expected)


def cases_digest(cases: Sequence[TestCase]) -> str:
    """A digest of this set of test cases, so that two evaluations can be compared."""
    return hashlib.sha256(
        "\n".join(sorted(case.model_dump_json() for case in cases)).encode()
    ).hexdigest()


def _fault(case: TestCase, answer: Answer) -> str:
    if case.hand_over is not None and case.hand_over != answer.hand_over:
        return (
            "should have handed over to a person" if case.hand_over else "handed over to a person"
        )
    if case.hand_over:
        return ""
    if answer.hand_over:
        return "handed over to a person"
    return _fault_of_text(answer, case)


def _fault_of_text(answer: Answer, case: TestCase) -> str:
    said = _plain(answer.text)
    missing = next((words for words in case.must_say if _plain(words) not in said), None)
    if missing is not None:
        return f"does not say {missing!r}"
    forbidden = next((words for words in case.must_not_say if _plain(words) in said), None)
    if forbidden is not None:
        return f"says {forbidden!r}"
    if case.expected is not None and not same_answer(answer.text, case.expected):
        return "not the expected answer"
    return ""


def _plain(text: str) -> str:
    return _SPACES.sub(" ", text).strip(" .!?").casefold()
