"""`openbell fleet`: all desks that share a store, the worst first; and agents that will not come back."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from agent.cli.options import config_option, json_option, url_option
from agent.cli.reach import Unreachable, done, reach
from agent.cli.status import EXIT, EXIT_UNREACHABLE
from agent.cli.words import COLORS, SIGNS, age
from agent.text import plain

CALM = ("ok", "info")


@click.group(invoke_without_command=True)
@config_option
@url_option
@json_option
@click.option("--group", "groups", multiple=True, help="Desks with a machine in this group; may be repeated.")
@click.option("--desk", "desks", multiple=True, help="This desk; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="A line for those that are well, too.")
@click.pass_context
def fleet(context: click.Context, /, config: Path, url: str | None, **options: Any) -> None:
    """Say which of many desks is in trouble. Exits 0 when all are well, 1 on a warning, 2 when one is
    critical, 3 when one is unknown, or nobody knows one that is named.
    """
    if context.invoked_subcommand is not None:
        return
    query = urlencode(
        [("group", one) for one in options["groups"]] + [("desk", one) for one in options["desks"]]
    )
    try:
        agent = reach(config, url)
        answer = agent.ask(f"/api/fleet/health{'?' if query else ''}{query}")
    except Unreachable as error:
        click.echo(json.dumps({"error": str(error)}) if options["as_json"] else f"UNKNOWN: {error}")
        sys.exit(EXIT_UNREACHABLE)
    document = done(answer, agent)
    absent = missing(document, options["desks"], options["groups"])
    if options["as_json"]:
        click.echo(json.dumps(document, indent=2))
    else:
        if document["desks"] or not absent:
            click.echo(describe(document, everything=options["everything"]))
        for one in absent:
            click.echo(f"UNKNOWN: there is no {one}")
    sys.exit(exit_code(document, absent))


@fleet.command()
@config_option
@url_option
@click.argument("name")
def forget(config: Path, url: str | None, name: str) -> None:
    """Take an agent off the list that is not heard of, or was stopped, and will not come back."""
    agent = reach(config, url)
    done(agent.ask(f"/api/fleet/agents/{quote(name, safe='')}", method="DELETE"), agent)
    click.echo(f"{name} is forgotten")


def missing(document: dict[str, Any], desks: Sequence[str], groups: Sequence[str]) -> list[str]:
    """What was asked for and is not there: a check whose desk has another name now must not be well."""
    there = {one["desk"] for one in document["desks"]}
    absent = [f"desk {one}" for one in desks if one not in there]
    if groups and not there:
        absent.append(f"desk with a machine in {' or '.join(groups)}")
    return absent


def exit_code(document: dict[str, Any], absent: Sequence[str] = ()) -> int:
    """By the worst desk, as monitoring plugins have it; critical counts more than unknown."""
    is_critical = document["severity"] == "critical"
    return EXIT["unknown"] if absent and not is_critical else EXIT[document["severity"]]


def describe(document: dict[str, Any], *, everything: bool = False) -> str:
    """The document as a short account: the sum, each desk in trouble, and the others by their answer."""
    now = datetime.fromisoformat(document["generated_at"])
    agents = {one["name"]: one for one in document["agents"]}
    desks = document["desks"]
    troubled = [one for one in desks if not one["ended"] and one["severity"] not in CALM]
    calm = [one for one in desks if one not in troubled]
    lines = [_head(document, len(troubled), sum(not one["ended"] for one in desks))]
    if document["stale_since"] is not None:
        since = age(document["stale_since"], now)
        lines.append(
            f"  {document['told_by']} has not seen the others for {since}: its store does not answer"
        )
    width = max((len(one["desk"]) for one in desks), default=0)
    shown = desks if everything else troubled
    lines += [_line(one, agents.get(one["owner"]), width, now) for one in shown]
    if calm and not everything:
        codes = Counter(one["code"] for one in calm)
        counted = ", ".join(f"{count} {plain(code)}" for code, count in codes.most_common())
        lines.append(f"  {SIGNS['ok']} {counted}")
    waiting = document["backlog"]["waiting"]
    if waiting:
        oldest = document["backlog"]["oldest_at"]
        lines.append(f"  {waiting} notices wait{f', the oldest for {age(oldest, now)}' if oldest else ''}")
    return "\n".join(lines)


def _head(document: dict[str, Any], troubled: int, watched: int) -> str:
    severity = document["severity"]
    counts = document["counts"]["desks"]
    parts = [f"{counts[one]} {one}" for one in ("critical", "unknown", "warning") if counts[one]]
    well = {0: "no desk is watched", 1: "the one desk is well"}.get(watched, f"all {watched} desks well")
    said = f"{troubled} of {watched} desks in trouble: {', '.join(parts)}" if troubled else well
    return click.style(f"{SIGNS[severity]} {said}", fg=COLORS[severity], bold=True)


def _line(desk: dict[str, Any], agent: dict[str, Any] | None, width: int, now: datetime) -> str:
    severity = "ok" if desk["ended"] else desk["severity"]
    head = click.style(f"{SIGNS[severity]} {plain(desk['desk']):<{width}}", fg=COLORS[severity])
    passed = age(agent["since"], now) if agent is not None else ""
    nobody = "who watches it cannot be seen from here" if desk["code"] == "UNSEEN" else "nobody watches it"
    said = plain(agent["message"]) if agent is not None else nobody
    lost = [one["agent"] for one in desk["standbys"] if one["state"] == "silent"]
    more = [f"lost: {', '.join(lost)}"] if lost else []
    if desk["configurations_differ"]:
        more.append("configurations differ")
    if agent is not None and agent["incident"] is not None:
        who = agent["incident"]["acknowledged_by"]
        more.append(f"{plain(who)} is at it" if who else "nobody is at it")
    end = f"  [{'; '.join(more)}]" if more else ""
    return f"  {head}  {plain(desk['code']):<18} {passed:>12}  {said}{end}"
