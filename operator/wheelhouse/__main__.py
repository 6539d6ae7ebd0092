"""`python -m wheelhouse`."""

from wheelhouse.cli.main import main

main()
