"""What a reviewer sees first, and why it is there."""

from collections.abc import Iterable, Sequence

from kaeshi.nouns import Json, ReviewItem, Signals, text_of


def rank(items: Iterable[ReviewItem]) -> list[ReviewItem]:
    """Sort key: waiting ones first, then by score, then by age."""
    return sorted(
        items, key=lambda item: (item.state != "proposed", -item.score, item.at, item.ref)
    )


def last_exchange(messages: Sequence[Json]) -> tuple[str, str]:
    """The customer's last question, and the assistant's last answer.

    >>> last_exchange([{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B"}])
    ('A?', 'B')
    """
    texts = {message["role"]: text_of(message) for message in messages if text_of(message)}
    return texts.get("user", ""), texts.get("assistant", "")


def why_example(signals: Signals, *, is_unnamed: bool) -> str:
    """Why an example is in the queue, in a few words.

    >>> why_example(Signals(rating=4.5, thumbs_up=1), is_unnamed=True)
    'no request named its customer; 4.5 stars, 1 thumbs up'
    """
    said = []
    if signals.rating is not None:
        said.append(f"{signals.rating:g} stars")
    if signals.thumbs_up:
        said.append(f"{signals.thumbs_up} thumbs up")
    if signals.corrected:
        said.append("a customer corrected it")
    words = ", ".join(said) or "no feedback"
    return f"no request named its customer; {words}" if is_unnamed else words
