"""Small conversations to build tests from."""

import json
from typing import Any

from kaeshi.loop import Loop
from kaeshi.rules.feedback import parse
from kaeshi.steps import conversation, feedback

GOOD = {"vote": "up", "rating": 5, "helpful": True, "accurate": True}
WORDS = [
    "salmon",
    "tofu",
    "chicken",
    "shrimp",
    "steak",
    "lobster",
    "noodles",
    "rice",
    "salad",
    "gyoza",
    "scallops",
    "sake",
    "miso",
    "ramen",
    "udon",
    "soba",
    "mochi",
    "edamame",
    "tempura",
    "katsu",
]


def record(name: str, *turns: str, **fields: Any) -> dict[str, Any]:
    """A record whose turns go back and forth, the customer first."""
    spoken = turns or ("How much is a party of ten?", "It is 550 dollars for ten adults.")
    return {
        "conversation_id": name,
        "customer_id": f"customer of {name}",
        "started_at": "2025-10-31T12:00:00Z",
        "consent": "granted",
        "intents": ["quote"],
        "messages": [
            {
                "role": "assistant" if i % 2 else "user",
                "content": text,
                "at": f"2025-10-31T12:00:{i:02d}Z",
                **({"confidence": 0.95} if i % 2 else {}),
            }
            for i, text in enumerate(spoken)
        ],
        **fields,
    }


def different(number: int) -> tuple[str, str]:
    """A question and an answer that share no shingle with any other number's."""
    a, b, c = WORDS[number % 20], WORDS[number // 20 % 20], WORDS[(number * 7 + 3) % 20]
    return (
        f"{a}{number} {b} with {c}{number} and {a} tonight?",
        f"Certainly {c}{number} {a} then {b}{number} for everybody {number}.",
    )


def example_row(question: str, answer: str) -> bytes:
    """A line of a training file that holds one exchange."""
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": said}).encode() + b"\n"


async def log(loop: Loop, *records: dict[str, Any]) -> None:
    """Store records, all of them."""
    done = await conversation.log(loop, records)
    assert not done.refused, done.refused


async def rate(loop: Loop, message: str, *, author: str = "", **said: Any) -> None:
    """One piece of feedback; the best there is unless said otherwise."""
    await feedback.record(loop, [parse(message, said or GOOD, author=author)])


async def learnable(loop: Loop, count: int) -> None:
    """So many different conversations that everybody liked."""
    await log(loop, *(record(f"c{i:04d}", *different(i)) for i in range(count)))
    await feedback.record(loop, [parse(f"c{i:04d}#1", GOOD) for i in range(count)])
