"""Gives freed memory back to the system, which the C library keeps for later otherwise."""

import ctypes
from functools import cache
from typing import Any


@cache
def _trim() -> Any:
    """The C library's malloc_trim; None where it has none, as on macOS and with musl."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> None:
    """Return what is free now. Takes milliseconds: for after something large."""
    trim = _trim()
    if trim is not None:
        trim(0)
