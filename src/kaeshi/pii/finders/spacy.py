"""Finds people with a spaCy pipeline, given by package name or folder.

Addresses are left to patterns.
"""

from collections.abc import Iterable, Mapping, Sequence

from kaeshi.errors import MissingExtra, MissingModel
from kaeshi.nouns import Watch
from kaeshi.pii.finders.proposals import Proposal, ProposingFinder

SCORE = 0.9  # spaCy gives no scores
PEOPLE = frozenset({"PERSON", "PER"})
BATCH = 64


class SpacyNames(ProposingFinder):
    """A NameFinder.

    Raises MissingExtra without spaCy, MissingModel for an unknown pipeline.
    """

    def __init__(self, pipeline: str) -> None:
        super().__init__()
        try:
            import spacy
        except ImportError as error:
            msg = "KAESHI_NAMES is 'spacy', and spaCy is not installed; type: pip install spacy"
            raise MissingExtra(msg) from error
        try:
            self._pipeline = spacy.load(pipeline)
        except OSError as error:
            msg = (
                f"KAESHI_NAMES_PATH {pipeline!r}: spaCy finds no pipeline of that name or in "
                "that folder; install one, nothing is downloaded here"
            )
            raise MissingModel(msg) from error
        meta = self._pipeline.meta
        self.version = (
            f"spacy-{meta['lang']}_{meta['name']}-{meta['version']}+{self._lists.version}"
        )

    def _proposals(self, texts: Iterable[str], watch: Watch) -> Mapping[str, Sequence[Proposal]]:
        seen = {}
        for document in self._pipeline.pipe(sorted(texts), batch_size=BATCH):
            watch()
            seen[document.text] = [
                Proposal(e.start_char, e.end_char, "PERSON", SCORE)
                for e in document.ents
                if e.label_ in PEOPLE
            ]
        return seen
