"""The command line: one command per step, a few lines each.

Only this package prints, and only it catches what no layer below handled.
"""

from kaeshi.cli.main import app, main

__all__ = ["app", "main"]
