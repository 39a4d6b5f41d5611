"""`python -m agent.cli` is `openbell`."""

from agent.cli import main

main()
