"""`openbell check`: what is wrong with a configuration, line by line, before it is run."""

from __future__ import annotations

from pathlib import Path

import click

from agent.cli.options import config_option
from agent.config import route_table
from agent.config.blueprint import Blueprint
from agent.config.loading import load
from agent.config.rule_table import notes
from agent.errors import ConfigError


@click.command()
@config_option
def check(config: Path) -> None:
    """Check a configuration; exits 2 when it cannot be used."""
    blueprint = load(config)
    for warning in blueprint.warnings:
        click.echo(f"warning: {warning}", err=True)
    failed = [one for one in blueprint.registry.plugins.values() if one.error is not None]
    if failed:
        raise ConfigError("\n".join(f"{config}: plugin {one.name}: {one.error}" for one in failed))
    click.echo(_account(blueprint))
    unheard = route_table.notes(blueprint.routes, [plan.name for plan in blueprint.notifiers])
    for note in (*notes(blueprint.rules, blueprint.ruleset), *unheard):
        click.echo(f"  note         {note}")


def _account(blueprint: Blueprint) -> str:
    machines = ", ".join(f"{plan.machine.name} ({plan.machine.kind})" for plan in blueprint.machines)
    notifiers = ", ".join(f"{plan.name} ({plan.kind_name})" for plan in blueprint.notifiers) or "none"
    return (
        f"{blueprint.path}: good\n"
        f"  environment  {blueprint.settings.environment}\n"
        f"  machines     {machines}\n"
        f"  notifiers    {notifiers}\n"
        f"  rules        {', '.join(rule.id for rule in blueprint.rules)}"
    )
