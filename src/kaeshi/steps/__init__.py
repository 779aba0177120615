"""Steps: read, ask a rule, write once."""
