"""Decisions as pure functions: no clock, disk, network, randomness or database."""
