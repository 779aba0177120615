"""Deprecated: import from kaeshi.trainer.routes. Removed in the next release."""

from kaeshi.trainer.routes import BASES, TrainerServer

__all__ = ["BASES", "TrainerServer"]
