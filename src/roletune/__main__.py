"""`python -m roletune`."""

from roletune.cli import main

main()
