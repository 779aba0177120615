"""Engines: what can be trained here."""
