"""One file per claim; each takes --data DIR where it needs data, and prints a table, or JSON with --json."""
