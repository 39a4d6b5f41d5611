"""`openbell watch`: on a second host, alarms when the desk's agent falls silent during a session."""

from __future__ import annotations

import asyncio
import os
import signal
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from agent.cli.logs import Format, set_up_logs
from agent.cli.options import config_option
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint
from agent.config.files import UnreadableError, read_text
from agent.config.loading import load
from agent.errors import ConfigError
from agent.runtime.redaction import Redactor
from agent.runtime.systemd import Systemd
from agent.settings import parse_duration

TOKEN = "OPENBELL_READ_TOKEN"  # noqa: S105 - the name of a variable
LARGEST_TOKEN = 4096
MACHINE = "desk"

ASKED, FASTEST, SLOWEST = 5, timedelta(milliseconds=500), timedelta(seconds=5)
"""So often the agent is asked before its silence is believed, and the bounds of the pace."""


@click.command()
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@config_option
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help=f"Holds the agent's read token; else {TOKEN} of the environment.",
)
@click.option("--after", default="30s", show_default=True, help="How long the agent may be silent.")
@click.option("--verbose", is_flag=True, help="Log what is done, not only what changes.")
@click.option(
    "--log-format", "log_format", type=click.Choice(["text", "json"]), default="text", help="Of the log."
)
def watch(
    urls: tuple[str, ...],
    *,
    config: Path,
    token_file: Path | None,
    after: str,
    verbose: bool,
    log_format: Format,
) -> None:
    """Watch the agent at URL from elsewhere, and tell its silence by the notifiers of the file.

    Of several that stand in for each other at one desk, give the addresses of all.
    """
    token = _token(token_file)
    blueprint = load(config, overrides=overrides(urls[0], token, _patience(after), others=urls[1:]))
    if not blueprint.notifiers:
        raise ConfigError(f"{config}: notifiers: there is none to tell; add a [notifiers.NAME] table")
    redactor = set_up_logs(blueprint.secrets, verbose=verbose, form=log_format)
    for warning in blueprint.warnings:
        click.echo(f"warning: {warning}", err=True)
    if token is not None and any(map(_is_overheard, urls)):
        click.echo("warning: the token goes over http, where others can read it; use https", err=True)
    asyncio.run(_run(blueprint, redactor, urls))


def overrides(
    url: str, token: str | None, after: timedelta, *, others: Sequence[str] = ()
) -> Mapping[tuple[str, ...], Any]:
    """What takes the place of the file's own: a watcher has this machine and these rules only."""
    ours = tomllib.loads((Path(__file__).parent / "watcher.toml").read_text(encoding="utf-8"))
    every = min(max(after / ASKED, FASTEST), SLOWEST)
    ours["machines"][MACHINE] |= {
        "url": url,
        "others": list(others),
        "token": token,
        "after": after,
        "every": every,
    }
    none: dict[str, Any] = {"environment": "live", "session": None, "credentials": {}, "server": {}}
    none |= {"deadline": [], "remedy": []}
    return {(key,): value for key, value in (none | ours).items()}


def _is_overheard(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost")


def _patience(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--after {text}: {error}") from None


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        token = read_text(file, at_most=LARGEST_TOKEN).text.strip()
    except UnreadableError as error:
        raise ConfigError(f"--token-file {file}: {error}") from None
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigError(f"--token-file {file}: expected a token, one line of plain characters")
    return token


async def _run(blueprint: Blueprint, redactor: Redactor, urls: Sequence[str]) -> None:
    from agent.runtime.agent import Agent

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    systemd = Systemd()
    clock = SystemClock()
    agent = Agent(blueprint, clock=clock, base_url=urls[0], redactor=redactor, alive=systemd.alive)
    try:
        await agent.start()
        click.echo(
            f"openbell watches {' and '.join(urls)}; it tells "
            + ", ".join(n.name for n in blueprint.notifiers)
        )
        systemd.ready(urls[0])
        await stop.wait()
        systemd.stopping()
    finally:
        await agent.stop()
