"""`openbell run`: the agent in the foreground, until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.logs import Format, set_up_logs
from agent.cli.options import Instant, config_option
from agent.cli.surface import Surface
from agent.clock import SystemClock
from agent.config.blueprint import Blueprint
from agent.config.loading import load
from agent.config.schema import Server
from agent.errors import AgentError, ConfigError
from agent.runtime.crash_loop import Starts
from agent.runtime.lasting import leave_blocked_threads
from agent.runtime.lasting import run as run_lasting
from agent.runtime.redaction import Redactor
from agent.runtime.systemd import Systemd

if TYPE_CHECKING:
    from agent.runtime.reloading import Reloads

CALLBACK = "/api/auth/callback"


@click.command()
@config_option
@click.option("--at", type=Instant(), help="Start the clock here; in the simulated environment only.")
@click.option("--verbose", is_flag=True, help="Log what is done, not only what changes.")
@click.option(
    "--log-format", "log_format", type=click.Choice(["text", "json"]), default="text", help="Of the log."
)
def run(config: Path, at: datetime | None, verbose: bool, log_format: Format) -> None:
    """Run the agent."""
    run_agent(config, at=at, verbose=verbose, log_format=log_format)


def run_agent(
    config: Path,
    *,
    at: datetime | None = None,
    verbose: bool = False,
    log_format: Format = "text",
    overrides: Mapping[tuple[str, ...], Any] | None = None,
) -> None:
    """Load a configuration and run it to its end. Raises `AgentError` when it cannot be started."""
    starts = Starts(SystemClock().wall())
    try:
        blueprint = load(config, overrides=overrides, refuse=starts.begin)
        again = partial(load, config, overrides=overrides, refuse=lambda folder: starts.refused)
        _run_loaded(blueprint, again, at, verbose=verbose, log_format=log_format)
    finally:
        starts.end()
    leave_blocked_threads()


def _run_loaded(
    blueprint: Blueprint,
    again: Callable[[], Blueprint],
    at: datetime | None,
    *,
    verbose: bool,
    log_format: Format,
) -> None:
    if at is not None and blueprint.settings.environment != "simulated":
        raise ConfigError('--at is for environment = "simulated" only: a live broker has the real time')
    redactor = set_up_logs(blueprint.secrets, verbose=verbose, form=log_format)
    for warning in blueprint.warnings:
        click.echo(f"warning: {warning}", err=True)
    run_lasting(_run(blueprint, SystemClock(at), redactor, again))


async def _run(
    blueprint: Blueprint, clock: SystemClock, redactor: Redactor, again: Callable[[], Blueprint]
) -> None:
    from agent.runtime.reloading import Reloads

    ending, reloads = Ending(), Reloads(again)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.ask)
    loop.add_signal_handler(signal.SIGHUP, reloads.asked.set)
    systemd = Systemd()
    with ending.of_start():
        async with serving(
            blueprint, clock, redactor, reloads, alive=systemd.alive, failed=ending.asked.set
        ) as addresses:
            ending.has_started = True
            click.echo("openbell is ready: " + ", ".join(addresses))
            systemd.ready(addresses[0])
            await ending.asked.wait()
            systemd.stopping()


class Ending:
    """A person wants the agent to end. One that is still starting may wait for a database, and stops to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.has_started = False
        self._starting = asyncio.current_task()

    def ask(self) -> None:
        if not self.has_started and not self.asked.is_set() and self._starting is not None:
            self._starting.cancel()
        self.asked.set()

    @contextmanager
    def of_start(self) -> Iterator[None]:
        """What `ask` cancels, and nothing else, ends in peace."""
        try:
            yield
        except asyncio.CancelledError:
            if self.has_started or not self.asked.is_set():
                raise


@asynccontextmanager
async def serving(
    blueprint: Blueprint,
    clock: SystemClock,
    redactor: Redactor | None = None,
    reloads: Reloads | None = None,
    *,
    alive: Callable[[], None] = lambda: None,
    failed: Callable[[], None] = lambda: None,
) -> AsyncIterator[list[str]]:
    """The agent with its page and API, and its simulator if it has one; gives their addresses.

    `alive` is called every few seconds while the evaluation goes on, `failed` where one that
    shares its desk with others cannot go on; what is the matter is raised at the end.
    """
    settings = blueprint.settings
    listener = bind(settings.server, blueprint.path)
    base_url = settings.server.url or _address(settings.server, listener)
    async with AsyncExitStack() as stack:
        stack.callback(listener.close)
        addresses = [f"page and API at {base_url}"]
        simulator = None
        if settings.environment == "simulated":
            simulator = await _simulator(blueprint, clock, base_url, stack)
            addresses.append(f"simulated broker at {simulator}")
        surface = Surface(
            clock=clock,
            listener=listener,
            base_url=base_url,
            simulator=simulator,
            redactor=redactor,
            reloads=reloads,
            alive=alive,
        )
        if settings.store.url is None:
            await _alone(blueprint, surface, stack)
        else:
            await _shared(blueprint, surface, stack, failed)
        yield addresses


async def _alone(blueprint: Blueprint, surface: Surface, stack: AsyncExitStack) -> None:
    from agent.runtime.agent import Agent
    from agent.web.server import WebServer

    agent = Agent(
        blueprint,
        clock=surface.clock,
        base_url=surface.base_url,
        simulator=surface.simulator,
        redactor=surface.redactor,
        reloads=surface.reloads,
        alive=surface.alive,
    )
    stack.push_async_callback(agent.stop)
    await agent.start()
    server = WebServer(agent, listener=surface.listener, base_url=surface.base_url)
    stack.push_async_callback(server.stop)
    await server.start()


async def _shared(
    blueprint: Blueprint, surface: Surface, stack: AsyncExitStack, failed: Callable[[], None]
) -> None:
    from agent.runtime.examining import NO_DRIVER

    try:
        from agent.cli.desk import Desk
        from agent.runtime.sharing.membership import Membership
    except ImportError as error:
        if error.name is None or not error.name.startswith("psycopg"):
            raise
        raise ConfigError(f"{blueprint.place('store', 'url')}: {NO_DRIVER}") from None
    try:
        membership = Membership(blueprint, clock=surface.clock, base_url=surface.base_url)
    except ValueError as error:
        raise ConfigError(f"{blueprint.place('store', 'url')}: {error}") from None
    if surface.redactor is not None:
        for secret in membership.address.secrets:
            surface.redactor.add(secret)
    desk = Desk(blueprint, membership, surface, failed)
    stack.push_async_callback(desk.stop)
    await desk.start()


def bind(server: Server, path: Path) -> socket.socket:
    """A listening socket. Raises `ConfigError` when the address is taken or not ours."""
    try:
        return socket.create_server(
            (server.host, server.port),
            family=socket.AF_INET6 if ":" in server.host else socket.AF_INET,
            backlog=1024,
        )
    except OSError as error:
        where = f"{path}: server: {server.host}:{server.port}"
        if error.errno == errno.EADDRINUSE:
            text = "another program listens there; stop it, or set another port"
        else:
            text = f"{error.strerror or error}; set a host of this machine and a free port"
        raise ConfigError(f"{where}: {text}") from None


def _address(server: Server, listener: socket.socket) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{host}:{listener.getsockname()[1]}"


async def _simulator(blueprint: Blueprint, clock: SystemClock, base_url: str, stack: AsyncExitStack) -> str:
    from agent.simulator import Simulator

    wanted = blueprint.settings.simulator
    simulator = Simulator(
        port=wanted.port,
        seed=wanted.seed,
        always_open=wanted.always_open,
        redirect_url=base_url + CALLBACK,
        now=clock.now,
    )
    try:
        await stack.enter_async_context(simulator)
    except OSError as error:
        raise AgentError(
            f"{blueprint.path}: simulator.port: 127.0.0.1:{wanted.port}: {error.strerror or error}; "
            "stop what listens there, or set another port"
        ) from None
    return str(simulator.url)
