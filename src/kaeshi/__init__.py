"""kaeshi closes the loop: log, score, scrub, train, compare, promote by evidence, report.

This is the entry point for library users. It is lazy: importing kaeshi imports nothing heavy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kaeshi.app import open_loop, using
    from kaeshi.library import log_conversations
    from kaeshi.pii import Policy, restored
    from kaeshi.pii.api import (
        ScrubStream,
        detect,
        restorer,
        scrub,
        scrub_batch,
        scrub_stream,
        serve_scrubbed,
    )

__version__ = "0.1.0"
_HOMES = {
    "Policy": "kaeshi.pii",
    "ScrubStream": "kaeshi.pii.api",
    "detect": "kaeshi.pii.api",
    "log_conversations": "kaeshi.library",
    "open_loop": "kaeshi.app",
    "restored": "kaeshi.pii",
    "restorer": "kaeshi.pii.api",
    "scrub": "kaeshi.pii.api",
    "scrub_batch": "kaeshi.pii.api",
    "scrub_stream": "kaeshi.pii.api",
    "serve_scrubbed": "kaeshi.pii.api",
    "using": "kaeshi.app",
}
__all__ = [
    "Policy",
    "ScrubStream",
    "detect",
    "log_conversations",
    "open_loop",
    "restored",
    "restorer",
    "scrub",
    "scrub_batch",
    "scrub_stream",
    "serve_scrubbed",
    "using",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module 'kaeshi' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
