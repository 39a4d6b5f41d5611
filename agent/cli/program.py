"""The program itself: finds commands, imports only the one that is called, and says errors plainly."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from agent import __version__
from agent.errors import AgentError

COMMANDS = {
    "run": "agent.cli.run:run",
    "demo": "agent.cli.demo:demo",
    "init": "agent.cli.init:init",
    "completion": "agent.cli.completion:completion",
    "check": "agent.cli.check:check",
    "schema": "agent.cli.schema:schema",
    "status": "agent.cli.status:status",
    "fleet": "agent.cli.fleet:fleet",
    "ready": "agent.cli.ready:ready",
    "login": "agent.cli.login:login",
    "notify": "agent.cli.notify:notify",
    "plugins": "agent.cli.plugins:plugins",
    "explain": "agent.cli.explain:explain",
    "silence": "agent.cli.silence:silence",
    "ack": "agent.cli.ack:ack",
    "db": "agent.cli.db:db",
    "backtest": "agent.cli.backtest:backtest",
    "simulate": "agent.cli.simulate:simulate",
    "watch": "agent.cli.watcher:watch",
}

EXIT_UNUSABLE = 2


class Program(click.Group):
    """Our own commands by name, and those that plugins offer."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*COMMANDS, *_offered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name].partition(":")
            command: click.Command = getattr(import_module(module), name)
            return command
        return _offered().get(cmd_name)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; an error on purpose is one or more plain lines and exit code 2, never a traceback."""
        try:
            return super().main(*args, **kwargs)
        except AgentError as error:
            click.echo(str(error), err=True)
            sys.exit(EXIT_UNUSABLE)


def _offered() -> dict[str, click.Command]:
    """The commands of the built-in plugins and of those that the present `agent.toml` enables."""
    from agent.config.glancing import enabled_plugins
    from agent.registry import load_plugins

    return load_plugins(enabled_plugins(Path("agent.toml"))).commands


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="openbell %(version)s")
def program() -> None:
    """Is the desk ready when the bell rings?

    Watches the market session, the broker login and the market-data feed, and gives one answer.
    """
