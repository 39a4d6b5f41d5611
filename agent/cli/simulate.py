"""`openbell simulate`: the broker simulator by itself."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime

import click

from agent.cli.options import Instant
from agent.errors import AgentError


@click.command()
@click.option("--port", default=9000, show_default=True, help="REST, login page and WebSocket.")
@click.option("--at", type=Instant(), help="Start the broker's clock here.")
@click.option("--seed", default=1, show_default=True, help="The random walk of prices follows from it.")
@click.option("--always-open", is_flag=True, help="Tick at every hour.")
@click.option(
    "--redirect-url",
    default="http://127.0.0.1:8000/api/auth/callback",
    show_default=True,
    help="Where a login returns to.",
)
def simulate(port: int, at: datetime | None, seed: int, always_open: bool, redirect_url: str) -> None:
    """Run the simulated broker; its control API is under /sim."""
    asyncio.run(_simulate(port, at, seed, always_open, redirect_url))


async def _simulate(port: int, at: datetime | None, seed: int, always_open: bool, redirect_url: str) -> None:
    from agent.simulator import Simulator

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    simulator = Simulator(
        port=port, start_at=at, seed=seed, always_open=always_open, redirect_url=redirect_url
    )
    try:
        async with simulator:
            click.echo(f"simulated broker at {simulator.url}")
            await stop.wait()
    except OSError as error:
        raise AgentError(f"127.0.0.1:{port}: {error.strerror or error}; give another --port") from None
