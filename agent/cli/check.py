"""`openbell check`: what is wrong with a configuration, line by line, before it is run."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import config_option
from agent.config import route_table
from agent.config.blueprint import Blueprint
from agent.config.fragments import fragments
from agent.config.loading import load
from agent.config.rule_table import notes
from agent.errors import ConfigError

if TYPE_CHECKING:
    from agent.runtime.examining import Finding

EXIT_UNWELL = 1
WIDTH = 12


@click.command()
@config_option
@click.option("--live", is_flag=True, help="Ask the broker and the notifiers' hosts, too; nothing is sent.")
def check(config: Path, live: bool) -> None:
    """Check a configuration; exits 2 when it cannot be used.

    With --live it exits 1 when something that it names cannot be read or does not answer.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # what is found is said below, once
    blueprint = load(config)
    for warning in blueprint.warnings:
        click.echo(f"warning: {warning}", err=True)
    failed = [one for one in blueprint.registry.plugins.values() if one.error is not None]
    if failed:
        raise ConfigError("\n".join(f"{config}: plugin {one.name}: {one.error}" for one in failed))
    findings = _examined(blueprint, live)
    click.echo(_account(blueprint))
    unheard = route_table.notes(blueprint.routes, [plan.name for plan in blueprint.notifiers])
    for note in (*notes(blueprint.rules, blueprint.ruleset), *unheard):
        click.echo(f"  {'note':<{WIDTH}} {note}")
    faults = [*_told(blueprint, findings, live)]
    sys.exit(EXIT_UNWELL if faults and live else 0)


def _examined(blueprint: Blueprint, live: bool) -> list[Finding]:
    from agent.runtime.examining import examine

    return asyncio.run(examine(blueprint, live=live))


def _told(blueprint: Blueprint, findings: list[Finding], live: bool) -> list[Finding]:
    """Say all that was found; returns the faults. What is not asked for live is a warning."""
    for one in findings:
        if not one.is_fault:
            name = "store" if one.key[0] == "store" else one.key[1]
            click.echo(f"  {name:<{WIDTH}} {one.text}")
    faults = [one for one in findings if one.is_fault]
    for one in faults:
        line = f"{blueprint.place(*one.key)}: {one.text}"
        click.echo(line if live else f"warning: {line}", err=True)
    return faults


def _account(blueprint: Blueprint) -> str:
    machines = ", ".join(f"{plan.machine.name} ({plan.machine.kind})" for plan in blueprint.machines)
    notifiers = ", ".join(f"{plan.name} ({plan.kind_name})" for plan in blueprint.notifiers) or "none"
    return (
        f"{' and '.join(map(str, (blueprint.path, *fragments(blueprint.path))))}: good\n"
        f"  environment  {blueprint.settings.environment}\n"
        f"  machines     {machines}\n"
        f"  notifiers    {notifiers}\n"
        f"  rules        {', '.join(rule.id for rule in blueprint.rules)}"
    )
