"""How long a stranger waits: the seed's star import, `kaeshi --help`, and a command with a store.

CPU seconds of whole processes, the median of several.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile

RUNS = 7


def cpu_seconds(*command: str) -> float:
    """CPU time of one process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a table, or JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    heavy = (
        "import sys; from api.ai.ml import *; print(sorted({'faiss', 'onnxruntime', "
        "'sqlalchemy', 'fastapi'} & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", heavy], check=True, capture_output=True, text=True
    ).stdout.strip()
    found = {
        "python alone": statistics.median(
            cpu_seconds(sys.executable, "-c", "pass") for _ in range(RUNS)
        ),
        "from api.ai.ml import *": statistics.median(
            cpu_seconds(sys.executable, "-c", "from api.ai.ml import *") for _ in range(RUNS)
        ),
        "kaeshi --help": statistics.median(
            cpu_seconds(sys.executable, "-m", "kaeshi", "--help") for _ in range(RUNS)
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        listing = ["-m", "kaeshi", "conversation", "list", "--db", f"sqlite:///{folder}/kaeshi.db"]
        cpu_seconds(sys.executable, *listing)  # makes the database
        found["kaeshi conversation list"] = statistics.median(
            cpu_seconds(sys.executable, *listing) for _ in range(RUNS)
        )
    if wanted.json:
        print(json.dumps({"cpu_s": found, "heavy_modules_of_the_import": loaded}, indent=1))
        return
    for name, seconds in found.items():
        print(f"{name:26} {seconds:.3f} s CPU")
    print(f"heavy modules loaded by the import: {loaded}")


if __name__ == "__main__":
    main()
