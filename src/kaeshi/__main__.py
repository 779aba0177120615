"""`python -m kaeshi`."""

from kaeshi.cli import main

main()
