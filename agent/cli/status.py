"""`openbell status`: the running agent's answer, for people and for monitoring systems."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli.options import config_option, json_option, url_option
from agent.cli.reach import Reach, StandsBy, Unreachable, reach
from agent.cli.words import COLORS, SIGNS, age

EXIT = {"ok": 0, "info": 0, "warning": 1, "critical": 2, "unknown": 3}
"""The Monitoring Plugins convention."""

EXIT_UNREACHABLE = 3


@click.command()
@config_option
@url_option
@json_option
@click.option("--watch", is_flag=True, help="Stay: a live view on a terminal, else a line at each change.")
def status(config: Path, url: str | None, as_json: bool, watch: bool) -> None:
    """Say how things are. Exits 0 when well, 1 on a warning, 2 when critical, 3 when unknown.

    An agent that stands by for one that owns the desk is well.
    """
    try:
        agent = reach(config, url)
        if watch and sys.stdout.isatty() and not as_json:
            sys.exit(_view(agent))
        if watch:
            _watch(agent, as_json)
        document = agent.document()
    except StandsBy as error:
        click.echo(_standby(error, as_json))
        sys.exit(EXIT[_severity(error)])
    except Unreachable as error:
        click.echo(json.dumps({"error": str(error)}) if as_json else f"UNKNOWN: {error}")
        sys.exit(EXIT_UNREACHABLE)
    click.echo(json.dumps(document, indent=2) if as_json else describe(document))
    sys.exit(EXIT[document["severity"]])


def _severity(standby: StandsBy) -> str:
    """Of an agent that does not speak for the desk: well, if another does and this one could."""
    if standby.owner is None:
        return "unknown"
    return "ok" if standby.trouble is None else "warning"


def _standby(error: StandsBy, as_json: bool) -> str:
    if as_json:
        said = {"code": "STANDBY", "severity": _severity(error), "message": str(error)}
        more = {"desk": error.desk, "owner": error.owner, "url": error.at, "trouble": error.trouble}
        return json.dumps({**said, **more})
    if error.owner is None:
        return f"UNKNOWN: {error}"
    where = f" at {error.at}" if error.at else ""
    if error.trouble is not None:
        return f"WARNING: stands by for {error.owner}{where}, and all is not well here: {error.trouble}"
    return f"STANDBY: {error.owner} owns the desk {error.desk}{where}"


def _view(agent: Reach) -> int:
    """The live view until a person ends it; its exit code is that of the last answer."""
    from agent.cli.watch import watch

    severity = watch(agent)
    return EXIT_UNREACHABLE if severity is None else EXIT[severity]


def _watch(agent: Reach, as_json: bool) -> None:
    for document in agent.documents():
        click.echo(json.dumps(document) if as_json else line(document))


def line(document: dict[str, Any]) -> str:
    """A document in one line."""
    at = document["generated_at"][11:19]
    machines = " ".join(f"{name}={part['state']}" for name, part in document["machines"].items())
    head = click.style(f"{SIGNS[document['severity']]} {document['code']}", fg=COLORS[document["severity"]])
    return f"{at} UTC  {head}  {document['message']}  [{machines}]"


def describe(document: dict[str, Any]) -> str:
    """A document as a short account: the answer, the machines, the problems, what to do."""
    generated = datetime.fromisoformat(document["generated_at"])
    severity = document["severity"]
    head = click.style(f"{SIGNS[severity]} {document['code']}", fg=COLORS[severity], bold=True)
    lines = [f"{head} ({severity}) for {age(document['since'], generated)}: {document['message']}"]
    action = document["action"]
    if action is not None:
        lines.append(f"  → {action['label']}: {action['method']} {action['href']}")
    ready = "ready" if document["ready"] else "not ready"
    tradable = "tradable" if document["tradable"] else "not tradable"
    lines += ["", f"  {ready}, {tradable}"]
    lines += [f"    waits for {b['machine']}: {b['state']} ({b['reason']})" for b in document["blockers"]]
    lines.append("")
    for name, part in document["machines"].items():
        passed = age(part["since"], generated)
        lines.append(f"  {name:<10} {part['state']:<13} {part['reason']:<20} {passed:>12}  {part['message']}")
    shown = [p for p in document["problems"] if p["code"] != document["code"]]
    if shown:
        lines += ["", "  further problems"]
    for problem in shown:
        by = f", explained by {', '.join(problem['suppressed_by'])}" if problem["suppressed_by"] else ""
        lines.append(f"    {problem['code']} ({problem['severity']}, {problem['phase']}{by})")
    return "\n".join(lines)
