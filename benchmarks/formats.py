"""How fast each format of logs is read, and in how much memory.

usage: python -m benchmarks.formats [--mb 200] [--only NAME ...] [--data DIR] [--json]

Every sample of tests/formats/samples is repeated with ids of its own up to so many MB, and read in
a process of its own. `--data DIR` reads the files of a folder as they are instead.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "tests" / "formats" / "samples"
# (what comes before the records, what is between them, what comes after them)
ARRAYS = {
    "array.json": ("[", ",\n", "]"),
    "sharegpt.json": ("[", ",\n", "]"),
    "langfuse.json": ("[", ",\n", "]"),
    "completions.json": ('{"object": "list", "data": [', ",\n", "]}"),
    "zendesk.json": ('{"tickets": [', ",\n", "]}"),
    "intercom.json": ('{"type": "conversation.list", "conversations": [', ",\n", "]}"),
}
IDS = (
    "c1",
    "s1",
    "chatcmpl-1",
    "session-7",
    "session-8",
    "conv-9",
    "s-4",
    "p1",
    "t1",
    "35",
    "44",
    "k1",
)
ROWS = ("k1,", "k2,", "k1;", "k2;")  # the first cells of tables
COLUMNS = {"named.csv": "conversation=ticket,role=who,content=words,at=when"}
MORE = "We have a table for ten at seven and on the terrace if it stays dry. " * 12


def repeated(sample: Path, target: Path, size: int) -> None:
    """Write the sample again and again, with other ids and longer answers."""
    text = sample.read_text(encoding="utf-8").replace("At seven.", f"At seven. {MORE}")
    if sample.name in ARRAYS:
        before, between, after = ARRAYS[sample.name]
        listed = json.loads(text)
        records = (
            listed
            if isinstance(listed, list)
            else next(value for value in listed.values() if isinstance(value, list))
        )
        piece = between.join(json.dumps(record) for record in records)
    else:
        before, _, piece = text.partition("\n") if sample.suffix == ".csv" else ("", "", text)
        before, between, after = f"{before}\n" if before else "", "", ""
    with target.open("w", encoding="utf-8") as out:
        written = out.write(before)
        number = 0
        while written < size:
            part = piece
            for name in IDS:
                part = part.replace(f'"{name}"', f'"{name}{number}"')
            part = f"\n{part}"
            for name in ROWS:
                part = part.replace(f"\n{name}", f"\n{name[:-1]}x{number}{name[-1]}")
            part = part.replace(",t1,GEN", f",t1x{number},GEN")
            part = part[1:].replace("table for ten?", f"table for {number}?")
            part = part.replace("cook indoors?", f"cook indoors on day {number}?")
            part = part.replace('"id": 35,', f'"id": {number},')
            written += out.write((between if number else "") + part)
            number += 1
        out.write(after)


def measure(path: Path, columns: str | None) -> dict[str, float]:
    """MB per CPU second of reading a file, and the peak of memory above the start."""
    from kaeshi.formats.logs import read

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    good = bad = 0
    for each in read(path, columns=columns):
        good += not isinstance(each.log, Exception)
        bad += isinstance(each.log, Exception)
    seconds = time.process_time() - began
    size = path.stat().st_size / 1e6
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"mb": size, "mb_per_s": size / seconds, "peak_mb": peak, "read": good, "refused": bad}


def measured(path: Path, columns: str | None) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.formats", "--file", str(path)]
    command += ["--columns", columns] if columns else []
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(told)
    return found


def results(wanted: argparse.Namespace) -> Iterator[tuple[str, dict[str, float]]]:
    """(file, figures) of each."""
    if wanted.data:
        for path in sorted(wanted.data.iterdir()):
            yield path.name, measured(path, None)
        return
    with tempfile.TemporaryDirectory() as folder:
        for sample in sorted(SAMPLES.iterdir()):
            if sample.name == "pretty.json" or (wanted.only and sample.name not in wanted.only):
                continue
            target = Path(folder) / sample.name
            repeated(sample, target, wanted.mb * 1_000_000)
            yield sample.name, measured(target, COLUMNS.get(sample.name))
            target.unlink()


def main() -> None:
    """Print a line for each file, or JSON with --json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mb", type=int, default=200)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--columns", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.file:
        print(json.dumps(measure(wanted.file, wanted.columns)))
        return
    found = []
    for name, figures in results(wanted):
        found.append({"file": name, **figures})
        if not wanted.json:
            print(
                f"{name:26} {figures['mb']:6.0f} MB  {figures['mb_per_s']:6.1f} MB/s  peak "
                f"{figures['peak_mb']:5.0f} MB  {figures['read']:.0f} read, "
                f"{figures['refused']:.0f} refused",
                flush=True,
            )
    if wanted.json:
        print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
