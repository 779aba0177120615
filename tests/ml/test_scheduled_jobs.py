import subprocess
import sys


def test_the_star_import_is_light() -> None:
    code = (
        "import sys; from kaeshi.ml import *; from kaeshi.ml.jobs import *; "
        "heavy = {'faiss', 'onnxruntime', 'sqlalchemy', 'fastapi', 'polars', 'openai'} & "
        "set(sys.modules); print(sorted(heavy)); "
        "print(callable(get_pii_scrubber), callable(start_scheduler))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[]", "True True"]
