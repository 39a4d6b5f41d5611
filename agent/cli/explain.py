"""`openbell explain`: why the answer is what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from agent.cli.options import config_option, json_option, url_option
from agent.cli.reach import done, reach

SIGNS = {True: "✔", False: "·", None: "?"}


@click.command()
@config_option
@url_option
@json_option
def explain(config: Path, url: str | None, as_json: bool) -> None:
    """Show every rule: whether it holds, what it waits for, and what holds it back."""
    agent = reach(config, url)
    rules = done(agent.ask("/api/system/explain"), agent)["rules"]
    if as_json:
        click.echo(json.dumps(rules, indent=2))
        return
    for rule in rules:
        click.echo("\n".join(_lines(rule)))


def _lines(rule: dict[str, Any]) -> list[str]:
    group = f" [{rule['group']}]" if rule["group"] else ""
    phase = f"  {rule['phase']} since {rule['since']}" if rule["phase"] else ""
    leads = click.style("  ← the answer", bold=True) if rule["leads"] else ""
    lines = [
        f"{SIGNS[rule['matched']]} {rule['rule']}{group}: {rule['code']} ({rule['severity']}){phase}{leads}"
    ]
    for one in rule["looked_at"]:
        stand = ", ".join(f"{name} is {state}" for name, state in one["machines"].items()) or "no machine"
        lines.append(f"    {SIGNS[one['holds']]} wants {one['wanted']}; {stand}")
    return lines + [f"    {sentence}" for sentence in (*rule["waits"], *rule["held_back"])]
