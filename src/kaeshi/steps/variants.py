"""Candidates that need no training: what answers now, asked in another way."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

from kaeshi.errors import InvalidInput, NotFound
from kaeshi.files import sha256_of
from kaeshi.loop import Loop
from kaeshi.nouns import MOST_ENTRIES, MOST_EXAMPLES, Candidate, CandidateKind, Json, Serving
from kaeshi.steps import asking, examples, knowledge, renewal, rollout

EXAMPLES = 8  # beside a question
ENTRIES = 3
WORDS = frozenset({"reasoning_effort", "verbosity", "stop"})
SAMPLING = frozenset(
    {
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "frequency_penalty",
        "presence_penalty",
        "reasoning_effort",
        "verbosity",
        "stop",
    }
)


async def with_examples(
    loop: Loop, files: Sequence[Path], *, model: str | None = None, count: int | None = None
) -> Candidate:
    """What answers now (or `model`), with the examples of these training files beside it.

    Raises TooFew for too few examples, InvalidInput for a file that is not training data.
    """
    _check_count(count, MOST_EXAMPLES)
    base = await base_of(loop, model)
    build, dropped = await examples.write(loop, files)
    evidence: Json = {
        "examples": len(build.pairs),
        "not_taken": dict(sorted(dropped.items())),
        "files": [sha256_of(path) for path in files],
    }
    shown = count or base.serving.examples or EXAMPLES
    return await register(loop, base, "examples", evidence, examples=shown, examples_build=build.id)


async def with_current_examples(
    loop: Loop, *, model: str | None = None, count: int | None = None
) -> Candidate:
    """What answers now (or `model`), with the examples that are renewed each night.

    They are renewed at once. Raises TooFew for too few examples.
    """
    _check_count(count, MOST_EXAMPLES)
    base = await base_of(loop, model)
    made = await renewal.renew(loop)
    shown = count or base.serving.examples or EXAMPLES
    evidence: Json = {"examples": made.examples, "build": made.build}
    return await register(loop, base, "examples", evidence, examples=shown, examples_build="")


async def with_knowledge(
    loop: Loop, *, model: str | None = None, count: int | None = None
) -> Candidate:
    """What answers now (or `model`), reading a build of what is approved now.

    The current build stays for everybody else. Raises TooFew where nothing is approved.
    """
    _check_count(count, MOST_ENTRIES)
    base = await base_of(loop, model)
    build, size = await knowledge.build_beside(loop)
    shown = count or base.serving.entries or ENTRIES
    return await register(
        loop, base, "knowledge", {"entries": size}, entries=shown, knowledge_build=build
    )


async def with_parameters(loop: Loop, parameters: Json, *, model: str | None = None) -> Candidate:
    """What answers now (or `model`), with these parameters of sampling. Raises InvalidInput."""
    unknown = sorted(parameters.keys() - SAMPLING)
    if unknown or not parameters:
        msg = (
            f"{', '.join(unknown) or 'nothing'} is no parameter of sampling; known are "
            f"{', '.join(sorted(SAMPLING))}"
        )
        raise InvalidInput(msg)
    wrong = next((name for name, value in parameters.items() if not _fits(name, value)), None)
    if wrong is not None:
        msg = f"{wrong}={parameters[wrong]!r} is not what a provider takes for it"
        raise InvalidInput(msg)
    base = await base_of(loop, model)
    return await register(
        loop, base, "sampling", {}, parameters={**base.serving.parameters, **parameters}
    )


def _fits(name: str, value: object) -> bool:
    if name in WORDS:
        return isinstance(value, str) or (name == "stop" and isinstance(value, list))
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_count(count: int | None, most: int) -> None:
    if count is not None and not 1 <= count <= most:
        msg = f"{count} beside each question: between 1 and {most} are possible"
        raise InvalidInput(msg)


async def base_of(loop: Loop, model: str | None) -> Candidate:
    """The candidate to vary: of that name, or a plain model of that name; else what answers now.

    Raises NotFound without a name where nothing is in production.
    """
    if model is not None:
        return await asking.candidate_named(loop, model)
    async with loop.store.read() as tx:
        production = await tx.rollouts.production(loop.assistant)
    if production is None:
        msg = (
            f"assistant {loop.assistant!r} has nothing in production to start from; name the "
            "model that answers with --model, or put one into production with `kaeshi rollout "
            "start MODEL --first`"
        )
        raise NotFound(msg)
    return production


async def register(
    loop: Loop, base: Candidate, kind: CandidateKind, evidence: Json, **changed: object
) -> Candidate:
    """Register `base`, asked as `changed` says, as a candidate of that kind.

    Its name is made of the base's and of how it is asked: the same variant has the same name.
    """
    serving = Serving.model_validate(
        base.serving.model_dump()
        | {"model": asking.served_name(base), "placeholders": base.speaks_placeholders}
        | changed
    )
    return await rollout.register(
        loop,
        name_of(serving, kind),
        kind=kind,
        evidence={"base": base.model, **evidence},
        serving=serving,
    )


def name_of(serving: Serving, kind: CandidateKind) -> str:
    """The variant's name, such as gpt-4o-mini+examples-1f0c22ab."""
    content = serving.model_dump_json(exclude_defaults=True).encode()
    return f"{serving.model}+{kind}-{hashlib.sha256(content).hexdigest()[:8]}"
