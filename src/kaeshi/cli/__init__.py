"""The command line: one command per step, a few lines each. A door: it alone prints, and it catches what nothing below could answer."""

from kaeshi.cli.main import app, main

__all__ = ["app", "main"]
