"""Chooses the NameFinder and the policy by the settings.

It stands here because the scrubber runs without the rest of the system.
"""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from kaeshi.errors import Misconfigured
from kaeshi.nouns import NameFinder
from kaeshi.pii import DEFAULT, TYPES, Policy
from kaeshi.pii.finders.reading import Reading
from kaeshi.settings import Settings


def names_of(settings: Settings) -> NameFinder:
    """The model, the word lists, or a model of the user's own.

    One model serves the whole process. Raises Misconfigured without a path.
    """
    return Reading(_named(settings))


def _named(settings: Settings) -> NameFinder:
    if settings.kaeshi_names == "model":
        return _model(settings.models_dir)
    if settings.kaeshi_names in {"spacy", "transformers"}:
        if settings.kaeshi_names_path is None:
            msg = (
                f"KAESHI_NAMES is {settings.kaeshi_names!r}; KAESHI_NAMES_PATH must say where "
                "the model is"
            )
            raise Misconfigured(msg)
        return _own_model(settings.kaeshi_names, settings.kaeshi_names_path)
    from kaeshi.pii.finders.word_lists import ListedNames  # reads sixty thousand words

    return ListedNames()


@cache
def _own_model(kind: str, path: str) -> NameFinder:
    if kind == "spacy":
        from kaeshi.pii.finders.spacy import SpacyNames  # optional

        return SpacyNames(path)
    from kaeshi.pii.finders.transformers import TokenNames  # optional

    return TokenNames(Path(path))


@cache
def _model(folder: Path) -> NameFinder:
    from kaeshi.pii.finders.name_model import NameModel  # loads onnxruntime

    return NameModel(folder)


def policy_of(settings: Settings) -> Policy:
    """The policy in the policy file, else the default, with the regions of the settings.

    Raises Misconfigured with the fault.
    """
    path = settings.kaeshi_pii_policy
    regions = settings.pii_regions
    if path is None:
        return (
            DEFAULT
            if regions == DEFAULT.regions
            else DEFAULT.model_copy(update={"regions": regions})
        )
    policy = _read_policy(path)
    if "regions" not in policy.model_fields_set:
        policy = policy.model_copy(update={"regions": regions})
    unknown = sorted({*policy.types, *policy.off, *policy.thresholds, *policy.operators} - {*TYPES})
    if unknown:
        msg = f"KAESHI_PII_POLICY {str(path)!r}: type {unknown[0]!r} is none of {', '.join(TYPES)}"
        raise Misconfigured(msg)
    return policy


def _read_policy(path: Path) -> Policy:
    try:
        policy = Policy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        msg = (
            f"KAESHI_PII_POLICY {str(path)!r}: {str(error).splitlines()[0]}; docs/pii.md shows one"
        )
        raise Misconfigured(msg) from error
    return policy
