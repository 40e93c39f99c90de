"""`python -m pellucid`: the command line without its script."""

from pellucid.cli import main

main()
