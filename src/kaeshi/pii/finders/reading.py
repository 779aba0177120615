"""Gives any finder of names the texts as a person reads them.

Disguises are off (fullwidth letters, entities, escapes), and the values of JSON are turns of a
conversation, of which none but values hold names.
"""

from collections.abc import Iterator, Sequence

from kaeshi.nouns import Finding, NameFinder, Watch, unwatched
from kaeshi.pii.fields import Leaf, documents, is_of_things, leaves, may_name, turns
from kaeshi.pii.finders.lexicon import SAID_AGAIN, is_common_name
from kaeshi.pii.normal import Normal, hides, normal

SHORT = 60  # characters of a value that is read after its key


class Reading:
    """A NameFinder that reads normal text and finds its places in the original."""

    def __init__(self, finder: NameFinder) -> None:
        self._finder = finder
        self.version = finder.version
        self.reads = finder.reads

    def find(self, texts: Sequence[str], known: Sequence[str] = ()) -> list[list[Finding]]:
        """People and addresses in each text of one conversation."""
        return self.find_each([texts], known)[0]

    def find_each(
        self,
        conversations: Sequence[Sequence[str]],
        known: Sequence[str] = (),
        watch: Watch = unwatched,
    ) -> list[list[list[Finding]]]:
        """People and addresses of many conversations at once."""
        views = [[_view(text) for text in texts] for texts in conversations]
        said = [
            [
                part
                for text, view in zip(texts, seen, strict=True)
                for part in ([text] if view is None else view.texts)
            ]
            for texts, seen in zip(conversations, views, strict=True)
        ]
        found = self._finder.find_each(said, known, watch)
        return [
            _without_echoes(list(_gathered(iter(lists), seen)), texts, seen)
            for lists, texts, seen in zip(found, conversations, views, strict=True)
        ]


class _Plain:
    """A text in normal form."""

    def __init__(self, seen: Normal) -> None:
        self._seen = seen
        self.texts = [seen.text]

    def back(self, names: Sequence[Sequence[Finding]]) -> list[Finding]:
        """The findings by their places in the original."""
        return [_moved(name, *self._seen.back(name.start, name.end)) for name in names[0]]


class _Values:
    """The values of a JSON text that people may have said, as turns; short ones after their key."""

    def __init__(self, leaves: Sequence[Leaf], *, of_things: bool) -> None:
        self._leaves = leaves
        self._of_things = of_things
        self.things: set[str] = set()  # what was taken for a person's name and is a thing's
        self._keys = [
            f"{leaf.key}: " if leaf.key and len(leaf.value) < SHORT else "" for leaf in leaves
        ]
        self._seen = [
            normal(key + leaf.value) for key, leaf in zip(self._keys, leaves, strict=True)
        ]
        self.texts = [seen.text for seen in self._seen]

    def back(self, names: Sequence[Sequence[Finding]]) -> list[Finding]:
        """The findings by their places in the original, without those in keys."""
        return [
            name
            for leaf, key, seen, there in zip(
                self._leaves, self._keys, self._seen, names, strict=True
            )
            for name in self._of_leaf(leaf, key, seen, there)
        ]

    def _of_leaf(
        self, leaf: Leaf, key: str, seen: Normal, names: Sequence[Finding]
    ) -> Iterator[Finding]:
        for name in names:
            start, end = (place - len(key) for place in seen.back(name.start, name.end))
            if start < 0:
                continue
            if name.type == "PERSON" and not self._is_person(leaf, start, end):
                self.things.add(leaf.value[start:end].lower())
            else:
                yield _moved(name, leaf.places[start], leaf.places[end])

    def _is_person(self, leaf: Leaf, start: int, end: int) -> bool:
        """Whether a proposed name is one.

        What is only called "name" beside an item's options and prices is one if people bear it.
        """
        if self._of_things and leaf.key == "name":
            return is_common_name(leaf.value[start:end].split()[0])
        return may_name(leaf, start, end)


def _view(text: str) -> _Plain | _Values | None:
    """How a text is read; None if as it stands."""
    if ("{" in text or "[" in text) and next(documents(text), None) is not None:
        found = leaves(text)
        if found:
            return _Values(turns(found), of_things=any(map(is_of_things, found)))
    if not hides(text):
        return None
    seen = normal(text)
    return _Plain(seen) if seen.places is not None or seen.text != text else None


def _gathered(
    lists: Iterator[Sequence[Finding]], views: Sequence[_Plain | _Values | None]
) -> Iterator[list[Finding]]:
    """What was found in the parts of each text, by its places in the text."""
    for view in views:
        if view is None:
            yield list(next(lists))
        else:
            yield view.back([next(lists) for _ in view.texts])


def _without_echoes(
    found: list[list[Finding]], texts: Sequence[str], views: Sequence[_Plain | _Values | None]
) -> list[list[Finding]]:
    """The findings without those that were looked for only because of a thing's name."""
    things = set[str]().union(*(view.things for view in views if isinstance(view, _Values)))
    if not things:
        return found
    return [
        [
            name
            for name in names
            if name.score > SAID_AGAIN or text[name.start : name.end].lower() not in things
        ]
        for text, names in zip(texts, found, strict=True)
    ]


def _moved(name: Finding, start: int, end: int) -> Finding:
    return name.model_copy(update={"start": start, "end": end})
