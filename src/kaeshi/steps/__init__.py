"""Verbs: read, ask a rule, write once."""
