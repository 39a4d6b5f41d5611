"""`openbell ack`: say that somebody is at the open incident."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import click

from agent.cli.options import config_option, json_option, url_option
from agent.cli.reach import done, reach
from agent.errors import AgentError


@click.command()
@config_option
@url_option
@json_option
@click.argument("incident", required=False)
@click.option("--why", required=True, help="What is being done.")
@click.option("--who", default=None, help="Who [default: the user's name].")
def ack(config: Path, url: str | None, as_json: bool, incident: str | None, **words: str | None) -> None:
    """Acknowledge the open INCIDENT; it ends with the incident."""
    agent = reach(config, url)
    if incident is None:
        latest = done(agent.ask("/api/system/incidents?limit=1"), agent)["incidents"]
        if not latest or latest[0]["closed_at"] is not None:
            raise AgentError(f"{agent.url}: no incident is open")
        incident = str(latest[0]["id"])
    body = {"who": words["who"] or getpass.getuser(), "why": words["why"]}
    answer = done(agent.ask(f"/api/system/incidents/{incident}/ack", method="POST", body=body), agent)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    click.echo(f"{answer['id']} ({answer['code']}): acknowledged by {answer['acknowledged']['who']}")
