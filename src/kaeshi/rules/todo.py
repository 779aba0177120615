"""What waits for a person, in words."""

from collections.abc import Mapping, Sequence

_WAITING: Mapping[str, str] = {
    "examples": (
        "examples that too few customers vouch for, to approve: {n} (kaeshi review list --kind "
        "example)"
    ),
    "entries": "proposed knowledge entries: {n} (kaeshi review list --kind entry)",
    "corrections": "corrections by customers: {n} (kaeshi review list --kind correction)",
    "runs": "training runs with an unknown outcome: {n} (kaeshi training decide)",
    "silent": (
        "conversations without consent, from which nothing is learned: {n} (see GATEWAY_CONSENT, "
        "and kaeshi conversation import --consent)"
    ),
}


def sentences(
    counts: Mapping[str, int],
    *,
    paused: str | None,
    retiring: Sequence[str],
    asked: str | None = None,
) -> tuple[str, ...]:
    """A sentence for each thing that waits, the most urgent first.

    `counts`: by the names above; `paused`: a rollout that waits, and why; `retiring`: models whose
    provider ends them; `asked`: what the autopilot asks for.

    >>> sentences({"entries": 3, "runs": 0}, paused=None, retiring=[])
    ('proposed knowledge entries: 3 (kaeshi review list --kind entry)',)
    """
    said = []
    if paused is not None:
        said.append(f"rollout {paused}; decide with kaeshi rollout resume or rollback")
    if asked is not None:
        said.append(f"the autopilot: {asked}")
    said += [words.format(n=counts[name]) for name, words in _WAITING.items() if counts.get(name)]
    if retiring:
        said.append(
            f"models that their provider ends: {', '.join(retiring)}: kaeshi training retiring"
        )
    return tuple(said)
