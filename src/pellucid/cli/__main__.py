"""`python -m pellucid.cli`: the command line without its script."""

from pellucid.cli.app import main

main()
