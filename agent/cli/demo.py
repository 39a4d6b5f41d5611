"""`openbell demo`: the agent and the simulated broker, a minute before the bell."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from agent.cli.options import Instant, shipped_configuration
from agent.cli.run import run_agent
from agent.errors import AgentError
from agent.registry import load_plugins

ZONE = ZoneInfo("Asia/Kolkata")
DAYS_BACK = 15


@click.command()
@click.option("--port", default=8000, show_default=True, help="The port of the page and the API.")
@click.option("--broker-port", default=9000, show_default=True, help="The port of the simulated broker.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep the data here, and go on from it.")
@click.option("--at", type=Instant(), help="Start the clock here [default: 09:14 of the latest session].")
def demo(port: int, broker_port: int, data_dir: Path | None, at: datetime | None) -> None:
    """Run the agent against the simulated broker.

    Open the page and log in; a minute later the bell rings. Control-C ends it.
    """
    if data_dir is not None:
        _demo(data_dir, port, broker_port, at)
        return
    with tempfile.TemporaryDirectory(prefix="openbell-demo-") as folder:
        _demo(Path(folder), port, broker_port, at)


def _demo(folder: Path, port: int, broker_port: int, at: datetime | None) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "agent.toml"
        if not config.exists():
            shutil.copyfile(shipped_configuration(), config)
            config.chmod(0o600)
    except OSError as error:
        raise AgentError(f"{folder}: cannot be used for the demo's data ({error.strerror})") from None
    run_agent(
        config,
        at=at or minute_before_the_bell(datetime.now(UTC)),
        overrides={
            ("environment",): "simulated",
            ("server", "port"): port,
            ("simulator", "port"): broker_port,
        },
    )


def minute_before_the_bell(now: datetime) -> datetime:
    """09:14 in the zone of the exchange, on the latest day with a session."""
    today = now.astimezone(ZONE).replace(hour=9, minute=30, second=0, microsecond=0)
    for days in range(DAYS_BACK):
        morning = today - timedelta(days=days)
        if _is_live(morning):
            return morning.replace(minute=14).astimezone(UTC)
    raise AgentError("the calendar has no session in the last days; give the demo an instant by --at")


def _is_live(instant: datetime) -> bool:
    """What the command of the market plugin answers; the core itself knows no calendar."""
    command = load_plugins().commands.get("market")
    if command is None:
        raise AgentError("the market plugin could not be loaded; `openbell plugins` says why")
    answer = io.StringIO()
    with redirect_stdout(answer):
        command.main(["--at", instant.isoformat(), "--segment", "NSE_EQ", "--json"], standalone_mode=False)
    return bool(json.loads(answer.getvalue())["state"] == "LIVE")
