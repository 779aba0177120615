"""Building a dataset: judged, scrubbed, deduplicated, split, written with a manifest."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kaeshi.errors import InvalidInput
from kaeshi.files import sha256_of, write_whole
from kaeshi.loop import Loop
from kaeshi.nouns import Dataset, Drop, Entry, Example, Filters, Json, Signals
from kaeshi.rules import collection as judging
from kaeshi.rules import dataset as rules
from kaeshi.rules.duplicates import resembles
from kaeshi.rules.examples import Pair
from kaeshi.rules.knowledge import question_and_answer
from kaeshi.steps import collection
from kaeshi.steps.knowledge import approved_entries
from kaeshi.steps.overtaken import overtaken
from kaeshi.steps.privacy import proof
from kaeshi.store.contexts import context_id
from kaeshi.store.examples import Judged
from kaeshi.store.verbs import dumps

AT_ONCE = 400
FINAL = frozenset({"timed_out", "damaged", "doubtful"})  # whatever the filters say


async def gather(
    loop: Loop,
    wanted: Filters,
    *,
    max_samples: int | None = None,
    since: str | None = None,
    until: str | None = None,
) -> tuple[list[Example], Counter[str]]:
    """All examples that pass these filters, and the dropped ones by reason.

    Without duplicates and test cases. Conversations that were never judged are judged first.
    `since` and `until` (ISO times) bound the conversations' start.
    """
    await collection.collect(loop, wanted)
    kept: list[Example] = []
    dropped: Counter[str] = Counter()
    after = ""
    while True:
        async with loop.store.read() as tx:
            judged = await tx.examples.judged(loop.assistant, after, AT_ONCE)
        if not judged:
            break
        after = judged[-1].conversation
        inside = _within(judged, since, until)
        await _sort_out(loop, inside, wanted, dropped, kept)
    kept.sort(key=lambda e: (e.started_at, e.conversation))
    kept = await _agreed(loop, kept, dropped)
    kept = _fit(loop, kept, dropped)
    kept, leaked = await _decontaminated(loop, kept)
    kept, repeats = rules.distinct(kept)
    kept = _shared_out(loop, kept, dropped, max_samples)
    kept = _at_most(dropped, leaked, repeats, max_samples, kept)
    return kept, dropped


async def _agreed(loop: Loop, kept: list[Example], dropped: Counter[str]) -> list[Example]:
    """The examples without those whose consent was withdrawn while they were gathered."""
    silent: set[str] = set()
    for start in range(0, len(kept), AT_ONCE):
        names = [example.conversation for example in kept[start : start + AT_ONCE]]
        async with loop.store.read() as tx:
            silent |= await tx.examples.silent(loop.assistant, names)
    if silent:
        dropped["no_consent"] += len(silent)
    return [example for example in kept if example.conversation not in silent]


def _fit(loop: Loop, kept: list[Example], dropped: Counter[str]) -> list[Example]:
    """The examples whose rows a trainer accepts."""
    fit = [e for e in kept if rules.fault(e, loop.prompts) is None]
    if len(fit) < len(kept):
        dropped["unfit"] += len(kept) - len(fit)
    return fit


def _shared_out(
    loop: Loop, kept: list[Example], dropped: Counter[str], most: int | None
) -> list[Example]:
    """The examples without those that exceed their account's or network's share."""
    s = loop.settings
    fair = rules.shared_out(kept, s.dataset_customer_percent, s.min_examples, most)
    fair = rules.shared_out(
        fair, s.dataset_network_percent, s.min_examples, most, lambda example: example.network
    )
    if len(fair) < len(kept):
        dropped["customer_share"] += len(kept) - len(fair)
    return fair


async def _sort_out(
    loop: Loop, inside: list[Judged], wanted: Filters, dropped: Counter[str], kept: list[Example]
) -> None:
    for example in await _rejudged(loop, inside, wanted):
        if isinstance(example, Drop):
            dropped[example.reason] += 1
        else:
            kept.append(example)


def _within(judged: list[Judged], since: str | None, until: str | None) -> list[Judged]:
    return [
        j
        for j in judged
        if not (
            (since and j.started_at.isoformat() < since)
            or (until and j.started_at.isoformat() >= until)
        )
    ]


def _at_most(
    dropped: Counter[str],
    leaked: int,
    repeats: dict[str, int],
    max_samples: int | None,
    kept: list[Example],
) -> list[Example]:
    dropped.update({k: v for k, v in {"test_case": leaked, **repeats}.items() if v})
    if max_samples is not None and len(kept) > max_samples:
        dropped["beyond_max_samples"] += len(kept) - max_samples
        kept = sorted(
            kept, key=lambda e: (-(e.signals.quality_tenths or 0), e.started_at, e.conversation)
        )[:max_samples]
        kept.sort(key=lambda e: (e.started_at, e.conversation))
    return kept


async def build(
    loop: Loop,
    wanted: Filters | None = None,
    *,
    max_samples: int | None = None,
    since: str | None = None,
    until: str | None = None,
    least: int | None = None,
) -> Dataset:
    """A dataset in memory: rows, splits and manifest.

    The same inputs make the same bytes. Raises TooFew below the minimum.
    """
    using = wanted or collection.filters(loop)
    examples, dropped = await gather(loop, using, max_samples=max_samples, since=since, until=until)
    if loop.settings.dataset_entries:
        examples = await _not_overtaken(loop, examples, dropped)
    is_explained = bool(examples or dropped) or since is not None or until is not None
    rules.enough(
        len(examples),
        loop.settings.min_examples if least is None else least,
        f"dataset for assistant {loop.assistant!r}",
        dropped,
        "" if is_explained else await collection.why_nothing(loop),
    )
    if loop.settings.dataset_entries:
        examples += await _entries(loop, examples)
    lines = tuple(rules.row(example, loop.prompts) for example in examples)
    sources = _sources_of(examples)
    del examples  # their texts are in the lines by now, so free the memory
    return _assembled(loop, lines, sources, dropped, using)


async def _not_overtaken(
    loop: Loop, examples: list[Example], dropped: Counter[str]
) -> list[Example]:
    """Without those that approved entries, which join them, say otherwise by now."""
    said = [question_and_answer(example.messages) for example in examples]
    pairs = [Pair(*pair) if pair else None for pair in said]
    is_over = await overtaken(loop, pairs, [example.started_at for example in examples])
    if any(is_over):
        dropped["overtaken"] += sum(is_over)
    return [example for example, over in zip(examples, is_over, strict=True) if not over]


async def _entries(loop: Loop, beside: list[Example]) -> list[Example]:
    """Approved entries as examples: what customers taught since must not unlearn what a team knows.

    None that nearly is a test case, or has the very question of an example beside it.
    """
    found = [_of_entry(entry) for entry in await approved_entries(loop)]
    fit, _ = await _decontaminated(loop, found)
    asked = {pair[0] for e in beside if (pair := question_and_answer(e.messages))}
    return [e for e in fit if (question_and_answer(e.messages) or ("",))[0] not in asked]


def _of_entry(entry: Entry) -> Example:
    said = [("user", entry.question), ("assistant", entry.answer)]
    return Example(
        id="",
        conversation=entry.id,
        body=dumps([{"role": role, "content": text} for role, text in said]),
        intent="",
        started_at=entry.at,
        signals=Signals(),
        consent="granted",
        scrubber="",
    )


def _sources_of(examples: list[Example]) -> "list[_Source]":
    return [
        _Source(
            example=e.id,
            conversation=e.conversation,
            intent=e.intent,
            scrubber=e.scrubber,
            pii=e.pii,
            context=e.context,
        )
        for e in examples
    ]


@dataclass(frozen=True, kw_only=True)
class _Source:
    """The origin of a row."""

    example: str
    conversation: str
    intent: str
    scrubber: str
    pii: Mapping[str, int]
    context: Json


def _assembled(
    loop: Loop,
    lines: tuple[bytes, ...],
    sources: Sequence[_Source],
    dropped: Counter[str],
    using: Filters,
) -> Dataset:
    """Lines, splits and manifest as a dataset, named after its content."""
    splits = tuple(rules.split(s.conversation) if s.example else "train" for s in sources)
    sides = ("train", "validation")
    files = {
        f"{side}.jsonl": _facts(line for line, s in zip(lines, splits, strict=True) if s == side)
        for side in sides
    }
    manifest: Json = _manifest_of(loop, sources, using, files, lines, dropped, splits)
    identifier = (
        "ds_" + hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:20]
    )
    return Dataset(
        id=identifier,
        assistant=loop.assistant,
        lines=lines,
        splits=splits,
        examples=tuple(source.example for source in sources),
        manifest={"id": identifier, **manifest},
    )


def _manifest_of(
    loop: Loop,
    sources: Sequence[_Source],
    using: Filters,
    files: dict[str, Json],
    lines: tuple[bytes, ...],
    dropped: Counter[str],
    splits: tuple[Literal["train", "validation"], ...],
) -> Json:
    contexts = {context_id(s.context): s.context for s in sources if s.context}
    return {
        **({"contexts": contexts} if contexts else {}),
        "assistant": loop.assistant,
        "operator": f"{loop.policy.operator}s",
        "scrubber": sorted({source.scrubber for source in sources if source.scrubber}),
        "pii": proof(loop, dict(sum((Counter(source.pii) for source in sources), Counter()))),
        "filters": using.model_dump(),
        "files": files | {"all.jsonl": _facts(lines)},
        "dropped": dict(sorted(dropped.items())),
        "intents": dict(sorted(Counter(source.intent or "none" for source in sources).items())),
        "lineage": [
            {
                "row": i,
                **({"example": source.example} if source.example else {}),
                "conversation" if source.example else "entry": source.conversation,
                "split": s,
                **({"context": context_id(source.context)} if source.context else {}),
            }
            for i, (source, s) in enumerate(zip(sources, splits, strict=True))
        ],
    }


async def write(loop: Loop, dataset: Dataset, folder: Path | None = None) -> Dataset:
    """Write train.jsonl, validation.jsonl and, last, manifest.json, and register the dataset."""
    target = folder or loop.folder("datasets") / dataset.id
    for side in ("train", "validation"):
        write_whole(
            target / f"{side}.jsonl",
            (line for line, s in zip(dataset.lines, dataset.splits, strict=True) if s == side),
        )
    write_whole(
        target / "manifest.json",
        json.dumps(dataset.manifest, indent=1, ensure_ascii=False, sort_keys=True).encode(),
    )
    await register(loop, dataset, str(target))
    return dataset.model_copy(update={"path": str(target)})


def files(dataset: Dataset) -> list[Path]:
    """The training files of a dataset that was written."""
    return [Path(dataset.path) / f"{side}.jsonl" for side in ("train", "validation")]


async def register(loop: Loop, dataset: Dataset, path: str) -> None:
    """Register which examples a dataset is made of."""
    async with loop.store.write() as tx:
        await tx.datasets.add(
            loop.assistant,
            dataset.id,
            path,
            dataset.manifest,
            [pair for pair in zip(dataset.examples, dataset.splits, strict=True) if pair[0]],
            loop.clock.now(),
        )


def export(dataset: Dataset, path: Path) -> str:
    """Write all rows into one file; returns its sha256."""
    return write_whole(path, dataset.lines)


def check(path: Path, *, least: int = rules.MIN_EXAMPLES) -> list[str]:
    """The faults of a training file, each with its line.

    A file of a dataset that was built here has the rows of the whole dataset: they are counted
    before the split. Raises InvalidInput if the file cannot be read.
    """
    try:
        enough = _rows_of_dataset(path) >= least
        with path.open("rb") as stream:
            return rules.check(stream, least=0 if enough else least)
    except OSError as error:
        msg = f"training file {str(path)!r} cannot be read: {error.strerror}"
        raise InvalidInput(msg) from error


def _rows_of_dataset(path: Path) -> int:
    """The rows of the dataset that the file belongs to, by the manifest beside it; 0 without."""
    manifest = path.parent / "manifest.json"
    if not manifest.is_file():
        return 0
    try:
        files = json.loads(manifest.read_bytes())["files"]
        is_listed = files[path.name]["sha256"] == sha256_of(path)
        return int(files["all.jsonl"]["rows"]) if is_listed else 0
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):  # another program's
        return 0


async def _rejudged(loop: Loop, page: list[Judged], wanted: Filters) -> list[Example | Drop]:
    """Each example's verdict under other filters.

    Conversations without an up-to-date scrubbed text are scrubbed again.
    """
    verdicts: dict[str, Example | Drop] = {}
    _known_verdicts(page, wanted, verdicts, loop)
    ids = [j.conversation for j in page if j.conversation not in verdicts]
    if ids:
        await _judge_again(loop, ids, wanted, verdicts)
    erased = Drop(reason="erased")
    return [_unless_waiting(loop, j, verdicts.get(j.conversation, erased)) for j in page]


def _unless_waiting(loop: Loop, judged: Judged, verdict: Example | Drop) -> Example | Drop:
    """The verdict; of an example that a person must approve first, the refusal."""
    waits = judged.waits(review_unnamed=loop.settings.review_unnamed)
    return Drop(reason="unreviewed") if waits and isinstance(verdict, Example) else verdict


async def _judge_again(
    loop: Loop, ids: list[str], wanted: Filters, verdicts: dict[str, Example | Drop]
) -> None:
    async with loop.store.read() as tx:
        stored = await tx.conversations.read(loop.assistant, ids)
        said = await tx.feedback.on(loop.assistant, ids)
        reviews = await tx.examples.reviews(loop.assistant, ids)
    for again in collection.judge(loop, stored, said, wanted, reviews):
        verdicts[again.conversation] = (
            again.verdict if isinstance(again.verdict, Drop) else again.example
        )


def _known_verdicts(
    page: list[Judged], wanted: Filters, verdicts: dict[str, Example | Drop], loop: Loop
) -> None:
    current = collection.scrubber_version(loop)
    for j in page:
        refused = judging.refused_by_signals(j.consent, j.facts, j.signals, wanted)
        if refused is not None:
            verdicts[j.conversation] = refused
        elif isinstance(j.verdict, Drop) and j.verdict.reason in FINAL:
            verdicts[j.conversation] = j.verdict  # it would be the same again
        elif j.scrubber != current:
            continue
        elif j.body is not None:
            verdicts[j.conversation] = j.example


async def _decontaminated(loop: Loop, examples: list[Example]) -> tuple[list[Example], int]:
    """The examples that do not nearly repeat a test case.

    A model must not be trained on what it is judged by.
    """
    seen = await repeat_cases(
        loop,
        (rules.said(e.messages) for e in examples),
        (rules.said(m for m in e.messages if m["role"] == "user") for e in examples),
    )
    return [e for e, leak in zip(examples, seen, strict=True) if not leak], sum(seen)


async def repeat_cases(loop: Loop, texts: Iterable[str], questions: Iterable[str]) -> list[bool]:
    """Whether each of these conversations, or what its customer asked, nearly is a test case."""
    async with loop.store.read() as tx:
        cases = await tx.evaluations.cases(loop.assistant)
    said = list(texts)
    promised = [
        rules.said([*case.messages, {"role": "assistant", "content": case.expected or ""}])
        for case in cases
    ] + [rules.said(case.messages) for case in cases]
    if not promised:
        return [False] * len(said)
    pairs = zip(resembles(said, promised), resembles(list(questions), promised), strict=True)
    return [whole or asked for whole, asked in pairs]


def _facts(lines: Iterable[bytes]) -> Json:
    digest = hashlib.sha256()
    count = 0
    for line in lines:
        digest.update(line)
        count += 1
    return {"sha256": digest.hexdigest(), "rows": count}
