"""The whole broker on one port: built, started, stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from agent.simulator.broker import NONE_SUCH, Broker
from agent.simulator.control import Control
from agent.simulator.envelope import RefusalError, no_such_request, refusal
from agent.simulator.feed import Feed
from agent.simulator.hours import running_clock
from agent.simulator.login import LoginPage
from agent.simulator.rest import Rest
from agent.simulator.sessions import Sessions
from agent.simulator.spoiling import spoil
from agent.simulator.stream import Stream
from agent.simulator.tokens import Mint

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Simulator:
    """A broker to log in at, to ask and to listen to; an async context manager.

    `now` is the clock of whoever embeds it; without, the machine's own, set to `start_at` if given.
    With `single_session` a login ends the session before it. `always_open` trades at every hour.
    Port 0 takes any free one; `start` raises `OSError` where the port cannot be had. After a `stop` it
    may be started again, at the same port and with its sessions: an outage.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        redirect_url: str = "http://127.0.0.1:8000/api/auth/callback",
        api_key: str = "demo",
        api_secret: str = "demo-secret",  # noqa: S107 the published credentials of a broker that is none
        user_id: str = "AB1234",
        seed: int = 1,
        start_at: datetime | None = None,
        now: Callable[[], datetime] | None = None,
        tick_interval: float = 1.0,
        heartbeat_interval: float = 1.0,
        always_open: bool = False,
        single_session: bool = False,
    ) -> None:
        mint = Mint(api_key, user_id, api_secret)
        self._host, self._wanted_port = host, port
        self._broker = Broker(
            mint=mint,
            sessions=Sessions(mint, single_session=single_session),
            now=now or running_clock(start_at),
            redirect_url=redirect_url,
            seed=seed,
            always_open=always_open,
        )
        self._feed = Feed(self._broker, tick_interval=tick_interval, heartbeat_interval=heartbeat_interval)
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port in use; 0 before the start."""
        return self._port

    @property
    def url(self) -> str:
        """The root for `KiteConnect(root=...)`."""
        return f"http://{self._netloc}"

    @property
    def websocket_url(self) -> str:
        """The root for `KiteTicker(root=...)`."""
        return f"ws://{self._netloc}/"

    async def start(self) -> None:
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port or self._wanted_port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        self._feed.start()

    async def stop(self) -> None:
        """Close every connection and the port; a second call does nothing."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self._broker.break_rest(None)
        await self._feed.stop()
        await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def _netloc(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    def _application(self) -> web.Application:
        stream = Stream(self._broker, self._feed)
        sides = (
            stream,
            Rest(self._broker),
            LoginPage(self._broker),
            Control(self._broker, self._feed, stream),
        )
        application = web.Application(middlewares=[self._front])
        for side in sides:
            application.add_routes(side.routes())
        application.on_response_prepare.append(self._stamp)
        return application

    @web.middleware
    async def _front(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count the request, break it if it is to be, and word every refusal as the broker does."""
        resource = request.match_info.route.resource
        self._broker.requests[resource.canonical if resource is not None else NONE_SUCH] += 1
        try:
            if _is_rest(request) and (spoiled := await spoil(self._broker, request)) is not None:
                return spoiled
            return await handler(request)
        except RefusalError as refused:
            return refusal(refused.status, refused.error_type, refused.message)
        except web.HTTPException as problem:
            if problem.status <= 400:
                raise
            return no_such_request(problem.status)

    async def _stamp(self, _request: web.Request, response: web.StreamResponse) -> None:
        """`Date` is by the broker's own clock: clients measure theirs against it."""
        response.headers["Date"] = format_datetime(self._broker.now().astimezone(UTC), usegmt=True)


def _is_rest(request: web.Request) -> bool:
    return request.path not in {"/", "/ws"} and not request.path.startswith(("/sim/", "/connect/"))


async def serve(simulator: Simulator, ready: Callable[[Simulator], None] | None = None) -> None:
    """Run by itself until SIGINT or SIGTERM; `ready` is called once it listens."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        async with simulator:
            if ready is not None:
                ready(simulator)
            await stopping.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
