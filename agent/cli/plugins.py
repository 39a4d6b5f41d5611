"""`openbell plugins`: what is installed, what takes part, and what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from agent.cli.as_running import as_running
from agent.cli.options import config_option, json_option, url_option
from agent.cli.plugins_new import new
from agent.cli.plugins_test import test
from agent.config.glancing import enabled_plugins
from agent.registry import Installed, Registry, load_plugins


@click.group(invoke_without_command=True)
@config_option
@url_option
@json_option
@click.pass_context
def plugins(context: click.Context, config: Path, url: str | None, as_json: bool) -> None:
    """List the installed plugins, and the kinds of machines and notifiers that they offer.

    Only those that the configuration enables are imported.
    """
    if context.invoked_subcommand is not None:
        return
    registry = load_plugins(enabled_plugins(config))
    registry.plugins = as_running(registry.plugins, config, url)
    if as_json:
        rows = [{**asdict(one), "kinds": _kinds(registry, one.name)} for one in registry.plugins.values()]
        click.echo(json.dumps(rows, indent=2))
        return
    for one in registry.plugins.values():
        click.echo(_line(registry, one))


plugins.add_command(new)
plugins.add_command(test)


def _kinds(registry: Registry, plugin: str) -> list[str]:
    machines = [kind.kind for kind in registry.machines.values() if kind.plugin == plugin]
    notifiers = [kind.kind for kind in registry.notifiers.values() if kind.plugin == plugin]
    return machines + notifiers


def _line(registry: Registry, one: Installed) -> str:
    version = f" {one.version}" if one.version else ""
    kinds = ", ".join(_kinds(registry, one.name))
    notes = {"available": f'name it in [plugins] enable = ["{one.name}"] to use it'}
    rest = one.error or kinds or notes.get(one.state, "")
    place = f"  ({one.location})" if one.location else ""
    return f"{one.name:<16} {one.state:<10} {one.origin + version:<24} {rest}{place}"
