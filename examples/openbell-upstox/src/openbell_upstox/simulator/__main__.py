"""`python -m openbell_upstox.simulator`: a simulated Upstox until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime

import click

from agent.api import SystemClock

from .server import CLIENT_ID, CLIENT_SECRET, Simulator


@click.command()
@click.option("--port", default=9100, show_default=True, help="0 takes a free one.")
@click.option("--at", type=datetime.fromisoformat, help="Start its clock here: 2026-11-24T03:29:50+05:30.")
@click.option("--json", "as_json", is_flag=True, help="Send the stream as JSON instead of protobuf.")
def main(port: int, at: datetime | None, as_json: bool) -> None:
    """Serve a simulated Upstox on this machine."""
    asyncio.run(serve(Simulator(port, now=SystemClock(at).now, as_json=as_json)))


async def serve(simulator: Simulator) -> None:
    await simulator.start()
    click.echo(f"simulated Upstox at {simulator.url} (client_id {CLIENT_ID}, client_secret {CLIENT_SECRET})")
    ended = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, ended.set)
    await ended.wait()
    await simulator.stop()


main()
