"""kaeshi closes the loop: log, score, scrub, train, compare, promote by evidence, refresh, report.

The front door for library users. It is lazy: importing kaeshi imports nothing heavy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kaeshi.app import open_loop, using
    from kaeshi.door import detect, log_conversations, scrub

__version__ = "0.1.0"
__all__ = ["detect", "log_conversations", "open_loop", "scrub", "using"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module 'kaeshi' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    return getattr(import_module("kaeshi.app" if name in {"open_loop", "using"} else "kaeshi.door"), name)
