"""The HTTP side: JSON for programs, pages for people."""
