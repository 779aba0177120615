"""One file per claim.

Each takes --data DIR where it needs data, and prints a table, or JSON with --json.
"""
