"""Gives any finder of names the texts as a person reads them.

Disguises are off (fullwidth letters, entities, escapes), and JSON becomes lines of keys and values,
of which only values hold names.
"""

from collections.abc import Sequence

from kaeshi.nouns import Finding, NameFinder, Watch, unwatched
from kaeshi.pii.fields import Document, document, documents, may_name
from kaeshi.pii.normal import Normal, hides, normal


class Reading:
    """A NameFinder that reads normal text and finds its places in the original."""

    def __init__(self, finder: NameFinder) -> None:
        self._finder = finder
        self.version = finder.version

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
            [text if view is None else _text(view) for text, view in zip(texts, seen, strict=True)]
            for texts, seen in zip(conversations, views, strict=True)
        ]
        found = self._finder.find_each(said, known, watch)
        return [
            [
                list(names) if view is None else _back(view, names)
                for names, view in zip(lists, seen, strict=True)
            ]
            for lists, seen in zip(found, views, strict=True)
        ]


View = Normal | Document


def _view(text: str) -> View | None:
    """How a text is read; None if as it stands."""
    if ("{" in text or "[" in text) and next(documents(text), None) is not None:
        found = document(text)
        if found is not None:
            return found
    if not hides(text):
        return None
    seen = normal(text)
    return seen if seen.places is not None or seen.text != text else None


def _text(view: View) -> str:
    return view.text if isinstance(view, Normal) else view.view


def _back(view: View, names: Sequence[Finding]) -> list[Finding]:
    if isinstance(view, Normal):
        return [_moved(name, *view.back(name.start, name.end)) for name in names]
    found = []
    for name in names:
        there = view.back(name.start, name.end)
        leaf, at = next(
            (
                (leaf, at)
                for leaf, at in zip(view.leaves, view.starts, strict=True)
                if at <= name.start and name.end <= at + len(leaf.value)
            ),
            (None, 0),
        )
        if there is not None and leaf is not None and (
            name.type != "PERSON" or may_name(leaf, name.start - at, name.end - at)
        ):
            found.append(_moved(name, *there))
    return found


def _moved(name: Finding, start: int, end: int) -> Finding:
    return name.model_copy(update={"start": start, "end": end})
