"""`openbell backtest`: a recorded day through other rules, and who would have been told what."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import click

from agent.cli.options import Instant
from agent.config.loading import load
from agent.errors import ConfigError, StoreError
from agent.model import Notice
from agent.runtime.replay import Replay
from agent.runtime.telling import Dispatch
from agent.store.rows import Received, read_report

AFTERWARDS = timedelta(seconds=5)
"""How long the last reports are looked at after they came in."""


@click.command()
@click.option(
    "--journal", "journal", required=True, type=click.Path(path_type=Path), help="A journal.sqlite."
)
@click.option("--config", "config", required=True, type=click.Path(path_type=Path), help="The other rules.")
@click.option("--against", type=click.Path(path_type=Path), help="Compare with these rules' notices.")
@click.option("--since", type=Instant(), help="From here on.")
@click.option("--until", type=Instant(), help="Up to here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backtest(
    journal: Path,
    config: Path,
    against: Path | None,
    *,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Run a recorded time through a configuration, and show the notices that it would have sent.

    With --against, also those that only the other configuration would have sent. Nothing is sent.
    """
    received = list(_read(journal, since, until))
    if not received:
        raise ConfigError(f"{journal}: no report was recorded in that time")
    sent = _dispatches(config, received)
    missing = _missing(_dispatches(against, received), sent) if against is not None else []
    if as_json:
        click.echo(
            json.dumps({"sent": [_body(one) for one in sent], "not_sent": [_body(one) for one in missing]})
        )
        return
    click.echo(f"{len(received)} reports from {received[0].at.isoformat()} to {received[-1].at.isoformat()}")
    for one in sent:
        click.echo(f"  {_line(one)}")
    for one in missing:
        click.echo(click.style(f"- {_line(one)}   (not sent by these rules)", fg="yellow"))
    if not sent and not missing:
        click.echo("  no notice would have been sent")


def _read(path: Path, since: datetime | None, until: datetime | None) -> Iterator[Received]:
    if not path.is_file():
        raise StoreError(f"{path}: there is no such journal")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            for at, machine, body in connection.execute("SELECT at, machine, body FROM report ORDER BY id"):
                instant = datetime.fromisoformat(at)
                if (since is None or instant >= since) and (until is None or instant < until):
                    yield Received(instant, machine, read_report(body))
        finally:
            connection.close()
    except (sqlite3.Error, ValueError, KeyError) as error:
        raise StoreError(f"{path}: this is not a journal with reports ({error})") from error


def _dispatches(config: Path, received: list[Received]) -> list[Dispatch]:
    replay = Replay(load(config), received[0].at)
    moments = [*replay.feed(received), *replay.run_until(received[-1].at + AFTERWARDS)]
    return [dispatch for moment in moments for dispatch in moment.dispatches]


def _missing(others: list[Dispatch], sent: list[Dispatch]) -> list[Dispatch]:
    """What was told before and is not now, and to whom."""
    known = {(_what(one.notice), receiver) for one in sent for receiver in one.to}
    left = [
        replace(one, to=frozenset(r for r in one.to if (_what(one.notice), r) not in known)) for one in others
    ]
    return [one for one in left if one.to]


def _what(notice: Notice) -> tuple[object, ...]:
    return notice.created_at, notice.type, notice.code, notice.group


def _line(dispatch: Dispatch) -> str:
    notice, to = dispatch.notice, ", ".join(sorted(dispatch.to))
    at = notice.created_at.isoformat(timespec="seconds")
    what = f"{notice.type:<8} {notice.reason:<13} {notice.code} ({notice.severity})"
    return f"{at}  {what} to {to}: {notice.message}"


def _body(dispatch: Dispatch) -> dict[str, object]:
    notice = dispatch.notice
    return {
        "at": notice.created_at.isoformat(),
        "type": notice.type,
        "reason": notice.reason,
        "code": notice.code,
        "severity": notice.severity,
        "message": notice.message,
        "to": sorted(dispatch.to),
    }
