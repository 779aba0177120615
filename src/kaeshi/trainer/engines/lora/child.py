"""`python -m kaeshi.trainer.engines.lora.child SPEC`.

One job in a process of its own, which reports to its parent line by line on standard output. It
ends with its parent: standard input is a pipe that the parent never writes to, and its end means
that the parent is gone.
"""

import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from kaeshi.errors import KaeshiError


def main() -> None:
    """Train; an error is reported as the last line."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries is not for the parent

    def say(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")

    try:
        from kaeshi.trainer.engines.lora.training import Spec, train  # its errors are reported

        train(Spec(**json.loads(Path(sys.argv[1]).read_bytes())), say)
    except KaeshiError as error:
        say({"refused": str(error)})
    # the outermost handler: without a last line the parent could not tell an error from a kill
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        say({"broken": f"{type(error).__name__} in {where.name}, line {where.lineno}: {error}"})


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
