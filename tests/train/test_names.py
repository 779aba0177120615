"""Models of names that a user may have.

A spaCy pipeline, and a token classifier in transformers' form.
"""

from pathlib import Path
from typing import Any

import pytest

from kaeshi.errors import Misconfigured, MissingModel
from kaeshi.pii import scrub
from kaeshi.pii.finders.choose import names_of
from kaeshi.settings import Settings

TURNS = ["please ask Khadija about it", "the party is at 7 oak street, says Khadija", "sounds good"]
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *sorted({word.strip(",").lower() for turn in TURNS for word in turn.split()}),
    ",",
]
LABELS = {"khadija": 1, "7": 2, "oak": 2, "street": 2}


@pytest.fixture(scope="module")
def spacy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns(
        [{"label": "PERSON", "pattern": "Khadija"}, {"label": "ORG", "pattern": "oak"}]
    )
    folder = tmp_path_factory.mktemp("spacy")
    pipeline.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of one small layer that has learnt two words."""
    import torch
    from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("classifier")
    tokenizer = BertTokenizerFast(
        vocab={word: i for i, word in enumerate(WORDS)}, model_max_length=32
    )
    torch.manual_seed(1)
    labels = {0: "O", 1: "B-private_person", 2: "B-private_address"}
    shape = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    model = BertForTokenClassification(
        BertConfig(
            vocab_size=len(WORDS),
            id2label=labels,
            label2id={v: k for k, v in labels.items()},
            **shape,
        )
    )
    batch = tokenizer(TURNS, return_tensors="pt", padding=True)
    known = [
        [LABELS.get(word, 0) for word in tokenizer.convert_ids_to_tokens(row)]
        for row in batch["input_ids"]
    ]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = model(**batch, labels=torch.tensor(known)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def finder(kind: Any, path: Path | str) -> Any:
    return names_of(Settings(kaeshi_names=kind, kaeshi_names_path=str(path)))


def test_a_spacy_pipeline_finds_people_and_patterns_find_addresses(spacy_folder: Path) -> None:
    names = finder("spacy", spacy_folder)
    assert scrub(TURNS, names.find(TURNS)).texts == (
        "please ask [PERSON_1] about it",
        "the party is at [ADDRESS_1], says [PERSON_1]",
        "sounds good",
    )
    assert names.version.startswith("spacy-en_")


def test_a_token_classifier_finds_people_and_addresses(classifier_folder: Path) -> None:
    names = finder("transformers", classifier_folder)
    found = names.find(TURNS)
    assert [
        (TURNS[i][f.start : f.end], f.type) for i, there in enumerate(found) for f in there
    ] == [
        ("Khadija", "PERSON"),
        ("Khadija", "PERSON"),
        ("7 oak street", "ADDRESS"),
    ]
    assert names.find_each([TURNS, TURNS[:1]]) == [found, found[:1]]


def test_what_stands_beyond_the_classifiers_window_is_seen_too(classifier_folder: Path) -> None:
    text = "sounds good " * 60 + "please ask Khadija about it"
    ((found,),) = finder("transformers", classifier_folder).find([text])
    assert text[found.start : found.end] == "Khadija"


@pytest.mark.parametrize("kind", ["spacy", "transformers"])
def test_a_model_that_is_not_there_is_named_and_nothing_is_downloaded(
    kind: str, tmp_path: Path
) -> None:
    with pytest.raises(MissingModel, match="nothing is downloaded"):
        finder(kind, tmp_path / "none")
    with pytest.raises(Misconfigured, match="KAESHI_NAMES_PATH"):
        names_of(Settings(kaeshi_names=kind))  # type: ignore[arg-type]  # a parameter of two literals
