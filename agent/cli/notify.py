"""`openbell notify`: sends a test notice through one notifier and says what came back."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from agent.cli.completing import named
from agent.cli.options import config_option, json_option, url_option
from agent.cli.reach import Unreachable, reach
from agent.errors import AgentError, ConfigError

EXIT_NOT_DELIVERED = 1
PATIENCE_S = 120.0
"""A notifier may be given minutes, and tell several people."""


@click.command()
@click.argument("name", shell_complete=named("notifiers"))
@config_option
@url_option
@json_option
@click.option("--direct", is_flag=True, help="From here, without asking a running agent.")
def notify(name: str, config: Path, url: str | None, as_json: bool, direct: bool) -> None:
    """Send a test notice through the notifier NAME; exit 0 when it was taken, 1 when it was not.

    The running agent sends it, as it sends all others; where none runs, it is sent from here.
    """
    outcomes = None if direct else _through_the_agent(name, config, url)
    if outcomes is None:
        outcomes = asyncio.run(_from_here(name, config))
    click.echo(json.dumps(outcomes) if as_json else "\n".join(_line(name, one) for one in outcomes))
    sys.exit(0 if all(one["state"] == "delivered" for one in outcomes) else EXIT_NOT_DELIVERED)


def _through_the_agent(name: str, config: Path, url: str | None) -> list[dict[str, Any]] | None:
    """The outcomes; `None` where no agent runs and none was named by its address."""
    agent = reach(config, url)
    try:
        agent.ask("/livez")
    except Unreachable:
        if url is not None:
            raise
        return None
    path = f"/api/system/notifiers/{quote(name, safe='')}/test"
    answer = agent.ask(path, method="POST", timeout_s=PATIENCE_S)
    body = answer.json
    if answer.status == 404:
        raise ConfigError(
            f"{agent.url}: {name}: {body['detail']} It has: {', '.join(body['known']) or 'none'}"
        )
    if answer.status != 200:
        raise AgentError(f"{agent.url}: {body.get('detail', answer.status)}")
    notices: list[dict[str, Any]] = body["notices"]
    return notices


async def _from_here(name: str, config: Path) -> list[dict[str, Any]]:
    from agent.runtime.trying import try_notifier

    return [
        {"recipient": one.recipient, "state": one.state, "receipt": one.receipt, "error": one.error}
        for one in await try_notifier(config, name)
    ]


def _line(name: str, one: dict[str, Any]) -> str:
    who = f"{name} ({one['recipient']})" if one["recipient"] else name
    if one["state"] == "delivered":
        return f"{who}: delivered: {one['receipt']}"
    return f"{who}: not delivered: {one['error']}"
