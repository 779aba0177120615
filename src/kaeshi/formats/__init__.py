"""File formats of others, read and checked."""
