"""Decisions: pure functions. No clock, disk, network, randomness or database."""
