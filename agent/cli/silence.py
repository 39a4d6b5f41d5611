"""`openbell silence`: ask for quiet about some problems, for a while, with who and why."""

from __future__ import annotations

import getpass
import json
from typing import Any

import click

from agent.cli.completing import grouped, named, ruled
from agent.cli.options import config_option, json_option, url_option
from agent.cli.reach import Reach, done, reach
from agent.errors import ConfigError
from agent.settings import format_duration, parse_duration

AT = "/api/system/silences"


@click.command()
@config_option
@url_option
@json_option
@click.option("--rule", shell_complete=ruled("id"), help="The problems of this rule.")
@click.option("--code", shell_complete=ruled("code"), help="The problems of this code.")
@click.option("--machine", shell_complete=named("machines"), help="The problems of this machine.")
@click.option("--group", shell_complete=grouped, help="The problems of this group.")
@click.option("--for", "duration", help='For how long, at most "24h".')
@click.option("--why", help="Why; kept in the journal.")
@click.option("--who", help="Who [default: the user's name].")
@click.option("--end", "ended", metavar="ID", help="End a silence now.")
def silence(**options: Any) -> None:
    """List silences, ask for one, or end one.

    A silenced problem is not told to people. The document goes on to tell how things are.
    """
    agent = reach(options["config"], options["url"])
    names = {name: options[name] for name in ("rule", "code", "machine", "group") if options[name]}
    if options["ended"]:
        answer = done(agent.ask(f"{AT}/{options['ended']}", method="DELETE"), agent)
    elif names or options["duration"] or options["why"]:
        answer = _ask(agent, names, options)
    else:
        answer = done(agent.ask(AT), agent)
    click.echo(json.dumps(answer, indent=2) if options["as_json"] else _account(answer))


def _ask(agent: Reach, names: dict[str, str], options: dict[str, Any]) -> Any:
    if not (names and options["duration"] and options["why"]):
        raise ConfigError(
            'a silence needs what, how long and why: --rule feed-stale --for 2h --why "line test"'
        )
    try:
        duration = format_duration(parse_duration(options["duration"]))
    except ValueError as error:
        raise ConfigError(f"--for {options['duration']}: {error}") from None
    body = {**names, "duration": duration, "why": options["why"], "who": options["who"] or getpass.getuser()}
    return done(agent.ask(AT, method="POST", body=body), agent)


def _account(answer: dict[str, Any]) -> str:
    silences = answer.get("silences", [answer])
    return "\n".join(map(_line, silences)) or "there are no silences"


def _line(one: dict[str, Any]) -> str:
    names = " ".join(f"{name}={one[name]}" for name in ("rule", "code", "machine", "group") if one[name])
    state = "active" if one["active"] else "ended"
    return f"{one['id']}  {state:<6}  {names}  until {one['ends_at']}  by {one['who']}: {one['why']}"
