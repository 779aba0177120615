"""The HTTP door: JSON for programs, pages for people."""
