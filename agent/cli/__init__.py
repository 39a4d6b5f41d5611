"""The `openbell` program, one module a family of commands."""

from __future__ import annotations


def main() -> None:
    """The program's entry point."""
    from agent.cli.program import program

    program()
