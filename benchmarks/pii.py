"""What the scrubber finds, harms and costs, beside its peers in the same run.

`python -m benchmarks.pii --data DIR [--only NAME] [--peers presidio,datafog,datafog_core,scrubadub]
[--fresh SEED] [--json]`. A peer runs in its own environment (benchmarks/peers/README.md). A hit
covers at least half of a gold span's characters under a compatible type. Precision is told only
where the data labels a type completely. Bounds are Wilson's, 95 %.

SGD labels few of the street addresses that its turns hold (destinations of rides, venues), and a
scrubber takes them by default. So harm is told twice: of all that no label covers, and but for what
is plainly an address (a house number, up to five words, a street's suffix).
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import folder, pii_fresh, pii_fresh_talk, pii_languages
from kaeshi.rules.statistics import wilson

Span = tuple[int, int, str]
# a gold type, and what it may be called
COMPATIBLE = {
    "EMAIL": {"EMAIL", "EMAIL_ADDRESS"},
    "PHONE": {"PHONE", "PHONE_NUMBER"},
    "SSN": {"SSN", "US_SSN", "SOCIAL_SECURITY_NUMBER", "US_ITIN"},
    "CARD_NUMBER": {"CREDIT_CARD", "CREDIT_CARD_NUMBER", "CARD_NUMBER"},
    "IBAN": {"IBAN", "IBAN_CODE"},
    "IP": {"IP", "IP_ADDRESS"},
    "URL": {"URL"},
    "PERSON": {"PERSON", "NAME"},
    "PROVIDER_NAME": {"PERSON", "NAME"},
    "PUBLIC_FIGURE": {"PERSON", "NAME"},
    "ADDRESS": {"ADDRESS", "LOCATION", "STREET_ADDRESS"},
    "ZIP": {"ADDRESS", "LOCATION", "ZIP", "ZIP_CODE"},
    "ACCOUNT_NUMBER": {"BANK_ACCOUNT", "ACCOUNT", "US_BANK_NUMBER"},
    "BANK_ACCOUNT": {"BANK_ACCOUNT", "ACCOUNT", "US_BANK_NUMBER"},
    "ROUTING": {"ROUTING", "BANK_ACCOUNT", "ABA_ROUTING_NUMBER"},
    "PIN": {"PIN", "PASSWORD"},
    "DATE_OF_BIRTH": {"DATE_OF_BIRTH", "DATE_TIME", "DATE", "DOB"},
    "SECURITY_ANSWER": {"SECURITY_ANSWER", "PERSON", "PASSWORD"},
    "DRIVER_LICENSE": {"DRIVER_LICENSE", "US_DRIVER_LICENSE", "PASSPORT", "BANK_ACCOUNT"},
    "PASSPORT": {"PASSPORT", "US_PASSPORT", "DRIVER_LICENSE"},
    "PASSWORD": {"PASSWORD", "PIN", "API_KEY"},
    "API_KEY": {"API_KEY", "PASSWORD", "CREDENTIAL"},
    "MAC": {"MAC", "MAC_ADDRESS"},
    "CRYPTO_WALLET": {"CRYPTO_WALLET", "CRYPTO"},
    "LICENSE_PLATE": {"LICENSE_PLATE", "VEHICLE"},
    "NATIONAL_ID": {
        "NATIONAL_ID",
        "SSN",
        "US_SSN",
        "IN_AADHAAR",
        "ES_NIF",
        "IT_FISCAL_CODE",
        "UK_NINO",
        "PL_PESEL",
    },
    "SPOKEN": {"PHONE", "PHONE_NUMBER", "CREDIT_CARD", "SSN", "BANK_ACCOUNT"},
}
# what rules and models were developed on: their figures say how well it fits, not how well it holds
SEEN = (
    "conversations_sgd",
    "conversations_star",
    "conversations_taskmaster4",
    "feedback_rated_answers",
    "feedback_taskmaster4_thumbs",
    "feedback_casino_satisfaction",
    "kb_public",
    "pii_presidio_synthetic",
    "pii_wnut17_person",
)
POOLED = ("EMAIL", "PHONE", "SSN", "CARD_NUMBER", "IBAN", "IP", "URL")
IDENTIFIERS = frozenset(
    {
        "EMAIL",
        "PHONE",
        "SSN",
        "CARD_NUMBER",
        "IBAN",
        "PERSON",
        "ADDRESS",
        "ACCOUNT_NUMBER",
        "PIN",
        "SECURITY_ANSWER",
    }
)
RENAMED = {"IP_ADDRESS": "IP"}
PLAINLY_ADDRESS = re.compile(
    r"\d{1,5}(?:-?[A-Za-z])?,? (?:[\w.'’#-]+ ){1,5}?(?:alley|avenue|ave|boulevard|blvd|broadway|"
    r"center|circle|cir|court|ct|drive|dr|freeway|highway|hwy|lane|ln|parkway|pkwy|place|plaza|"
    r"real|road|rd|square|street|st|terrace|way)\b.*",
    re.IGNORECASE | re.DOTALL,
)
NOT_SOUGHT = frozenset({"DATE_TIME", "AGE"})
PUBLIC = frozenset(
    {"PROVIDER_NAME", "PUBLIC_FIGURE"}
)  # practices among them, singers: taking them is no harm, leaving them no leak


@dataclass(frozen=True)
class Document:
    """The texts of one conversation, with the spans that must go and those that must stay."""

    texts: list[str]
    gold: list[list[Span]]
    keep: list[list[Span]]
    complete: frozenset[str]


@dataclass
class Tally:
    """Counts of one set under one scrubber."""

    found: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    left_characters: int = 0
    gold_characters: int = 0
    left_labelled: int = 0
    labelled_characters: int = 0
    harmed_characters: int = 0
    harmed_addresses: int = 0
    other_characters: int = 0
    kept_harmed: int = 0
    kept_addresses: int = 0
    benign: int = 0
    benign_hits: int = 0
    benign_addresses: int = 0
    kept: int = 0
    leaking: int = 0
    with_identifier: int = 0
    identifiers_left: int = 0
    misses: dict[str, list[str]] = field(default_factory=dict)
    false: dict[str, list[str]] = field(default_factory=dict)


def has_gold(record: folder.Record) -> bool:
    """Whether somebody looked for personal data in it, or for what must stay; none is a label."""
    return folder.is_conversation(record) and ("pii_gold" in record or "keep_spans" in record)


def read(path: Path, *, lowered: bool = False) -> list[Document]:
    """One file of labelled conversations or texts."""
    documents = []
    for record in folder.records(path):
        if not folder.is_conversation(record):
            continue
        name = record["conversation_id"]
        messages = record["messages"]
        place = {m.get("message_id") or f"{name}#{i}": i for i, m in enumerate(messages)}
        texts = [message.get("content") or "" for message in messages]
        if lowered:
            texts = [text.lower() if len(text.lower()) == len(text) else text for text in texts]
        spans: dict[str, list[list[Span]]] = {
            name: [[] for _ in texts] for name in ("pii_gold", "keep_spans")
        }
        for name, lists in spans.items():
            for span in record.get(name) or []:
                lists[place[span["message_id"]]].append(
                    (span["start"], span["end"], RENAMED.get(span["type"], span["type"]))
                )
        complete = frozenset(
            RENAMED.get(kind, kind) for kind in record.get("pii_complete_types") or []
        )
        documents.append(Document(texts, spans["pii_gold"], spans["keep_spans"], complete))
    return documents


def is_chat(documents: Sequence[Document]) -> bool:
    """Whether most of them are conversations rather than single texts."""
    return sum(len(document.texts) > 1 for document in documents) * 2 > len(documents)


def read_all(wanted: argparse.Namespace) -> dict[str, list[Document]]:
    """Every labelled file of the folder; single texts labelled by name alone in lower case, too.

    Names are what lower case hides.
    """
    found = folder.files(wanted, has_gold, "labelled personal data (pii_gold, keep_spans)")
    sets = {name: read(path) for name, path in found.items()}
    for name, documents in list(sets.items()):
        kinds = {kind for document in documents for kind in document.complete}
        if kinds == {"PERSON"} and not is_chat(documents):
            sets[f"{name} lower-cased"] = read(found[name], lowered=True)
    return sets


def tally(documents: Sequence[Document], found: Sequence[Sequence[Sequence[Span]]]) -> Tally:
    """Compare; `found` has a list of spans for each text of each document."""
    done = Tally()
    for document, lists in zip(documents, found, strict=True):
        gold_before = sum(done.gold[kind] for kind in IDENTIFIERS)
        left_before = done.identifiers_left
        for text, gold, keep, spans in zip(
            document.texts, document.gold, document.keep, lists, strict=True
        ):
            _tally_text(done, text, gold, keep, spans, document.complete)
        done.with_identifier += sum(done.gold[kind] for kind in IDENTIFIERS) > gold_before
        done.leaking += done.identifiers_left > left_before
    return done


def _tally_text(
    done: Tally,
    text: str,
    gold: Sequence[Span],
    keep: Sequence[Span],
    spans: Sequence[Span],
    complete: frozenset[str],
) -> None:
    covered = _characters(spans)
    private = _characters(gold)
    sought = _characters(span for span in gold if span[2] not in PUBLIC | NOT_SOUGHT)
    done.gold_characters += len(sought)
    done.left_characters += len(sought - covered)
    done.labelled_characters += len(private)
    done.left_labelled += len(private - covered)
    done.other_characters += len(text) - len(private)
    done.harmed_characters += len(covered - private)
    unlabelled = [
        s
        for s in spans
        if s[2] in COMPATIBLE["ADDRESS"] and PLAINLY_ADDRESS.fullmatch(text, s[0], s[1])
    ]
    addresses = _characters(unlabelled)
    done.harmed_addresses += len(addresses - private)
    for start, end, _ in keep:
        done.kept += 1
        if len(covered & set(range(start, end))) * 2 >= end - start:
            done.kept_harmed += 1
            done.kept_addresses += len(addresses & set(range(start, end))) * 2 >= end - start
    if not gold:
        done.benign += 1
        done.benign_hits += sum(s[2] in COMPATIBLE["PERSON"] | COMPATIBLE["ADDRESS"] for s in spans)
        done.benign_addresses += len(unlabelled)
    for start, end, kind in gold:
        if kind in NOT_SOUGHT:
            continue
        fitting = _characters([s for s in spans if s[2] in COMPATIBLE.get(kind, {kind})])
        done.gold[kind] += 1
        if kind in IDENTIFIERS:  # an auditor asks what still stands there, not what it was called
            done.identifiers_left += len(covered & set(range(start, end))) * 2 < end - start
        if len(fitting & set(range(start, end))) * 2 >= end - start:
            done.found[kind] += 1
        else:
            done.misses.setdefault(kind, []).append(
                f"{text[max(0, start - 40) : start]}<<{text[start:end]}>>{text[end : end + 20]} "
                f"{spans}"
            )
    for start, end, called in spans:
        kind = next(
            (
                k
                for k in sorted(complete, key=lambda k: (k != called, k))
                if called in COMPATIBLE.get(k, ())
            ),
            None,
        )
        if kind is None:
            continue
        fitting = _characters([g for g in gold if called in COMPATIBLE.get(g[2], ())])
        right = len(fitting & set(range(start, end))) * 2 >= end - start or any(
            called in COMPATIBLE.get(g[2], ())
            and (min(end, g[1]) - max(start, g[0])) * 2 >= g[1] - g[0]
            for g in gold
        )
        (done.right if right else done.wrong)[kind] += 1
        if not right:
            done.false.setdefault(kind, []).append(
                f"{text[max(0, start - 40) : start]}<<{text[start:end]}>>{text[end : end + 20]}"
            )


def _characters(spans: Iterable[Span]) -> set[int]:
    return {i for start, end, _ in spans for i in range(start, end)}


def ours(
    documents: Sequence[Document], finder: Any, at_once: int = 200
) -> tuple[list[list[list[Span]]], float]:
    """What we find, and the CPU seconds it took.

    `finder` finds names and addresses; None: structured types only.
    """
    from kaeshi.pii import detect_each, detect_texts

    began = time.process_time()
    found: list[list[list[Span]]] = []
    if finder is None:
        flat = [text for document in documents for text in document.texts]
        lists = [
            hits
            for i in range(0, len(flat), at_once)
            for hits in detect_each(flat[i : i + at_once])
        ]
        cpu = time.process_time() - began
        rest = iter(lists)
        found = [
            [[(a, b, kind) for a, b, kind, _, _ in next(rest)] for _ in document.texts]
            for document in documents
        ]
        return found, cpu
    for i in range(0, len(documents), at_once):
        part = documents[i : i + at_once]
        names = finder.find_each([document.texts for document in part])
        found += [
            [
                [(a, b, kind) for a, b, kind, _, _ in hits]
                for hits in detect_texts(document.texts, people)
            ]
            for document, people in zip(part, names, strict=True)
        ]
    return found, time.process_time() - began


def one_number(documents: Sequence[Document], finder: Any, at_once: int = 200) -> tuple[int, int]:
    """Labelled people who are named in several turns.

    How many have one number in all of them, and how many there are.
    """
    from kaeshi.pii import scrub_each

    kept = people = 0
    for i in range(0, len(documents), at_once):
        part = documents[i : i + at_once]
        found = scrub_each([d.texts for d in part], finder.find_each([d.texts for d in part]))
        for document, scrubbed in zip(part, found, strict=True):
            numbers: dict[str, list[str | None]] = {}
            for text, gold, made, originals in zip(
                document.texts, document.gold, scrubbed.texts, scrubbed.originals, strict=True
            ):
                places = _placed(made, originals)
                for name, there in {
                    text[a:b].lower(): (a, b) for a, b, kind in gold if kind == "PERSON"
                }.items():
                    numbers.setdefault(name, []).append(
                        next((n for a, b, n in places if a < there[1] and b > there[0]), None)
                    )
            several = [set(said) for said in numbers.values() if len(said) > 1]
            people += len(several)
            kept += sum(len(said) == 1 and None not in said for said in several)
    return kept, people


def _placed(
    made: str, originals: Iterable[tuple[int, int, str, str]]
) -> list[tuple[int, int, str]]:
    """What stands for each value, and where the value stood."""
    places = []
    moved = 0
    for start, end, _, value in originals:
        first = start - moved
        places.append((first, first + len(value), made[start:end]))
        moved += end - start - len(value)
    return places


def started(name: str) -> dict[str, float]:
    """CPU seconds and memory of a process of ours that has answered one tiny text."""
    call = "from kaeshi.pii import detect" if name == "structured" else "from kaeshi import detect"
    code = (
        f"{call}; detect('Mail Kagiso at 415-555-0132'); import time; print(time.process_time(), "
        "open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    environment = os.environ | {"KAESHI_NAMES": "lists" if name == "lists" else "model"}
    cpu, kb = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout.split()
    return {"start_cpu_s": float(cpu), "peak_mb": int(kb) / 1024}


def peer(name: str, sets: dict[str, list[Document]], folder: Path) -> dict[str, Any]:
    """A peer's findings, from its own environment.

    Raises FileNotFoundError with the page that tells how to install it.
    """
    python = folder / name / "bin" / "python"
    if not python.exists():
        msg = f"{python} is not there; benchmarks/peers/README.md tells how to install {name}"
        raise FileNotFoundError(msg)
    texts = {
        key: [text for document in documents for text in document.texts]
        for key, documents in sets.items()
    }
    done = subprocess.run(
        [str(python), str(Path(__file__).parent / "peers" / "pii_peer.py"), name],
        input=json.dumps({"sets": texts}),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    for key, documents in sets.items():
        flat = iter(answer["sets"][key]["findings"])
        answer["sets"][key]["found"] = [
            [[tuple(span) for span in next(flat)] for _ in document.texts] for document in documents
        ]
    return answer


def row(
    name: str,
    key: str,
    documents: Sequence[Document],
    found: Sequence[Sequence[Sequence[Span]]],
    cpu: float,
) -> dict[str, Any]:
    """One scrubber on one set, in figures."""
    done = tally(documents, found)
    characters = sum(len(text) for document in documents for text in document.texts)
    count = sum(len(document.texts) for document in documents)
    kinds = {}
    for kind in sorted(done.gold | done.right | done.wrong):
        said = done.right[kind] + done.wrong[kind]
        recall = done.found[kind] / done.gold[kind] if done.gold[kind] else None
        precision = done.right[kind] / said if said else None
        kinds[kind] = {
            "gold": done.gold[kind],
            "recall": recall,
            "recall_at_least": wilson(done.found[kind], done.gold[kind])[0]
            if done.gold[kind]
            else None,
            "precision": precision,
            "f2": 5 * precision * recall / (4 * precision + recall)
            if precision and recall
            else None,
            "false": done.wrong[kind],
        }
    pooled = {kind for kind in POOLED if kind in done.gold}
    gold = sum(done.gold[k] for k in pooled)
    hits = sum(done.found[k] for k in pooled)
    right = sum(done.right[k] for k in POOLED)
    wrong = sum(done.wrong[k] for k in POOLED)
    return {
        "who": name,
        "set": key,
        "seen": key.startswith(SEEN),
        "types": kinds,
        "pooled": {
            "gold": gold,
            "recall": hits / gold if gold else None,
            "precision": right / (right + wrong) if right + wrong else None,
        },
        "left": done.left_characters / done.gold_characters if done.gold_characters else None,
        "left_of_all_labels": done.left_labelled / done.labelled_characters
        if done.labelled_characters
        else None,
        "harmed": done.harmed_characters / done.other_characters,
        "harmed_but_for_addresses": (done.harmed_characters - done.harmed_addresses)
        / done.other_characters,
        "kept_harmed": done.kept_harmed / done.kept if done.kept else None,
        "kept_harmed_but_for_addresses": (done.kept_harmed - done.kept_addresses) / done.kept
        if done.kept
        else None,
        "benign_hits": done.benign_hits / done.benign if done.benign else None,
        "benign_hits_but_for_addresses": (done.benign_hits - done.benign_addresses) / done.benign
        if done.benign
        else None,
        "leaking": done.leaking / done.with_identifier if done.with_identifier else None,
        "texts_per_s": count / cpu,
        "mb_per_s": characters / cpu / 1e6,
        "misses": {kind: examples[:400] for kind, examples in done.misses.items()},
        "false_hits": {kind: examples[:400] for kind, examples in done.false.items()},
    }


def recalls(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Wilson lower bounds of our recall by our types, over all labelled sets.

    What src/kaeshi/data/pii_recall.json holds.
    """
    ours_of = {
        "CARD_NUMBER": "CREDIT_CARD",
        "ACCOUNT_NUMBER": "BANK_ACCOUNT",
        "PROVIDER_NAME": "",
        "PUBLIC_FIGURE": "",
        "ZIP": "",
        "SPOKEN": "",
    }
    hits = Counter[str]()
    gold = Counter[str]()
    for found in rows:
        if found["who"] != "kaeshi model" or "lower" in found["set"] or "wnut" in found["set"]:
            continue
        for kind, figures in found["types"].items():
            name = ours_of.get(kind, kind)
            if name and figures["gold"]:
                gold[name] += figures["gold"]
                hits[name] += round(figures["gold"] * figures["recall"])
    return {name: round(wilson(hits[name], count)[0], 4) for name, count in sorted(gold.items())}


def finders() -> dict[str, Callable[[], Any]]:
    """Our own variants by name."""
    from kaeshi.pii.finders.name_model import NameModel
    from kaeshi.pii.finders.reading import Reading
    from kaeshi.pii.finders.word_lists import ListedNames
    from kaeshi.settings import load

    return {
        "structured": lambda: None,
        "lists": lambda: Reading(ListedNames()),
        "model": lambda: Reading(NameModel(load().models_dir, threads=1)),
    }


def show(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as a table."""
    lines = []
    for found in sorted(rows, key=lambda one: one["seen"]):
        pooled = found["pooled"]
        lines.append(
            f"\n{found['who']} on {found['set']} ({'seen' if found['seen'] else 'unseen'}): "
            f"{found['texts_per_s']:.0f} texts/s, {found['mb_per_s']:.2f} MB/s"
            f" | left {_percent(found['left'])} (of all labels "
            f"{_percent(found['left_of_all_labels'])}) harmed {_percent(found['harmed'], 3)} kept "
            f"spans harmed {_percent(found['kept_harmed'], 2)}"
            f" names and addresses in turns without a label {_percent(found['benign_hits'], 2)}"
            f" (but for plain addresses: harmed {_percent(found['harmed_but_for_addresses'], 3)}, "
            f"kept spans {_percent(found['kept_harmed_but_for_addresses'], 2)},"
            f" turns without a label {_percent(found['benign_hits_but_for_addresses'], 2)})"
            f" | conversations leaking {_percent(found['leaking'])} | pooled recall "
            f"{_percent(pooled['recall'])} precision {_percent(pooled['precision'])} of "
            f"{pooled['gold']}"
        )
        if found.get("one_number"):
            lines.append(
                "  people named in several turns who have one number in all of them: {} of {}".format(  # noqa: E501
                    *found["one_number"]
                )
            )
        if "start_cpu_s" in found:
            lines.append(
                f"  start {found['start_cpu_s']:.2f} s CPU, memory {found['peak_mb']:.0f} MB"
            )
        lines += [
            (
                f"  {kind:16} {t['gold']:6} recall {_percent(t['recall']):>7} (at least "
                f"{_percent(t['recall_at_least']):>7}) precision {_percent(t['precision']):>7} "
                f"F2 {_percent(t['f2']):>7} false {t['false']}"
            )
            for kind, t in found["types"].items()
        ]
    return "\n".join(lines)


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value * 100:.{digits}f}%"


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder.add_arguments(parser)
    parser.add_argument("--peers", default="")
    parser.add_argument("--peer-folder", type=Path, default=Path(".peers"))
    parser.add_argument("--ours", default="structured,lists,model")
    parser.add_argument("--sets", default="")
    parser.add_argument("--fresh", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0, help="documents per set, for a quick look")
    parser.add_argument("--show", default="", help="print misses and false hits of these types")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sets = read_all(wanted)
    sets["fresh"] = [Document(*case) for case in pii_fresh.cases(wanted.fresh)]
    for language, made in pii_languages.cases(wanted.fresh):
        sets[language] = [Document(*case) for case in made]
    sets["fresh talk"] = [Document(*case) for case in pii_fresh_talk.cases(wanted.fresh)]
    chosen = wanted.sets.split(",") if wanted.sets else list(sets)
    sets = {
        key: documents[: wanted.limit or None] for key, documents in sets.items() if key in chosen
    }
    rows = []
    for name in filter(None, wanted.ours.split(",")):
        finder = finders()[name]()
        for key, documents in sets.items():
            found, cpu = ours(documents, finder)
            rows.append(row(f"kaeshi {name}", key, documents, found, cpu))
            if name == "model" and is_chat(documents):
                rows[-1]["one_number"] = one_number(documents, finder)
        if sets:
            rows[-1] |= started(name)
    for name in filter(None, wanted.peers.split(",")):
        answer = peer(name, sets, wanted.peer_folder)
        for key, documents in sets.items():
            rows.append(
                row(
                    f"{name} {answer['version']}",
                    key,
                    documents,
                    answer["sets"][key]["found"],
                    answer["sets"][key]["cpu_s"],
                )
            )
        rows[-1] |= {"start_cpu_s": answer["start_cpu_s"], "peak_mb": answer["peak_mb"]}
    if wanted.json:
        print(
            json.dumps(
                {
                    "recall_at_least": recalls(rows),
                    "rows": rows,
                    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                },
                indent=1,
            )
        )
        return
    print(show(rows))
    for kind in filter(None, wanted.show.split(",")):
        for found in rows:
            for what in ("misses", "false_hits"):
                sys.stdout.writelines(
                    f"{found['who']} {found['set']} {what} {kind}: {example}\n"
                    for example in found[what].get(kind, [])
                )


if __name__ == "__main__":
    main()
