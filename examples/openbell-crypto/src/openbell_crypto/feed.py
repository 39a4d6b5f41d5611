"""The feed machine: keeps the ticker's WebSocket open, and hears when it says nothing."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

import aiohttp
from pydantic import AfterValidator, Field

from agent.api import ActionError, Context, Duration, Expectation, Report, Settings

from .messages import PING, read, subscribe
from .watch import Reason, Standing, State, Watch

CONNECT_S = 5.0
CLOSE_S = 1.0
QUIET_S = 3.0
"""After so long without a word the exchange is asked for one, and has as long again to answer."""

LONGEST_PAUSE_S = 30.0
LARGEST_MESSAGE = 1 << 20

REFUSALS = {401: Reason.REFUSED, 403: Reason.REFUSED, 429: Reason.RATE_LIMITED}
IDLE = Standing(State.DISCONNECTED, Reason.IDLE, "Not connected")
TROUBLES = {
    Reason.NETWORK: "The exchange cannot be reached",
    Reason.REFUSED: "The exchange turns us away: is it offered where this host is?",
    Reason.RATE_LIMITED: "The exchange limits the rate of connections",
    Reason.CLOSED_BY_PEER: "The exchange closed the connection",
    Reason.NO_HEARTBEAT: "The exchange says nothing, and does not answer a ping",
}


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in ({"ws", "wss"} if is_local else {"wss"}):
        raise ValueError('expected an address such as "wss://ws.kraken.com/v2"')
    return url


class FeedSettings(Settings):
    """`[machines.NAME]` with `kind = "crypto-feed"`; each of the `symbols` must tick."""

    url: Annotated[str, AfterValidator(_check_url)] = "wss://ws.kraken.com/v2"
    symbols: tuple[str, ...] = Field(default=("BTC/USD", "ETH/USD"), min_length=1, max_length=50)
    stale_after: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(seconds=10)


class TickerFeed:
    """A `StateMachine` with `Running` and `Actions`; one connection at a time."""

    def __init__(self, settings: FeedSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._clock = context.clock
        self._standing = IDLE
        self._watch: Watch | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._failures = 0

    async def probe(self) -> Report:
        if self._watch is not None:
            self._standing = self._judge(self._watch)
        return self._report(self._standing)

    async def run(self) -> None:
        """Keep connected while anything is expected, until cancelled."""
        end = self._context.expectation.subscribe(lambda _: self._look())
        try:
            while True:
                await self._expected()
                await self._live()
                await self._pause()
        finally:
            end()
            self._standing = IDLE  # a probe after this must not tell of a connection that is gone

    async def act(self, action: str) -> str:
        if action != "reconnect":
            raise ActionError(f"no such action: {action}; there is: reconnect")
        if self._socket is None:
            return "Not connected, and trying already"
        self._failures = 0
        await self._socket.close()
        return "Connecting anew"

    async def _expected(self) -> None:
        """Wait until anything is expected of the feed."""
        if self._context.expectation.value is Expectation.NOTHING:
            self._tell(IDLE)
        await self._context.expectation.until(lambda now: now is not Expectation.NOTHING)

    async def _live(self) -> None:
        """One connection, from its handshake to its end; the end's reason is told."""
        reason = self._standing.reason if self._standing.reason in TROUBLES else Reason.AWAITING_TICKS
        self._tell(Standing(State.CONNECTING, reason, "Connecting"))
        try:
            ended = await self._connected(await self._connect())
        except aiohttp.WSServerHandshakeError as error:
            ended = REFUSALS.get(error.status, Reason.NETWORK)
        except (TimeoutError, aiohttp.ClientError, OSError):
            ended = Reason.NETWORK
        self._failures += 1
        self._tell(Standing(State.DISCONNECTED, ended, f"{TROUBLES[ended]}; trying again"))

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        async with self._clock.timeout(CONNECT_S):
            return await self._context.http.ws_connect(
                self._settings.url,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                max_msg_size=LARGEST_MESSAGE,
            )

    async def _connected(self, socket: aiohttp.ClientWebSocketResponse) -> Reason:
        """Subscribe and listen; returns why it ended."""
        symbols, stale_after = self._settings.symbols, self._settings.stale_after.total_seconds()
        self._socket, self._watch = socket, Watch(symbols, stale_after, self._clock.monotonic())
        try:
            await socket.send_str(subscribe(symbols))
            return await self._listen(socket)
        except (aiohttp.ClientError, OSError):
            return Reason.CLOSED_BY_PEER
        finally:
            self._socket = self._watch = None
            await socket.close()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> Reason:
        """Judge at each word; the exchange's heartbeats, or its answers to a ping, see to one in time."""
        asked = False
        while True:
            try:
                async with self._clock.timeout(QUIET_S):
                    heard = await socket.receive()
            except TimeoutError:
                if asked:
                    return Reason.NO_HEARTBEAT
                asked = True
                await socket.send_str(PING)
            else:
                asked = False
                if heard.type is not aiohttp.WSMsgType.TEXT:
                    return Reason.CLOSED_BY_PEER
                self._hear(heard.data)
            self._look()

    def _hear(self, text: str) -> None:
        if self._watch is not None:
            self._watch = self._watch.hear(read(text), self._clock.monotonic())

    def _look(self) -> None:
        """Tell how an open connection stands, if that is news."""
        if self._watch is not None:
            self._tell(self._judge(self._watch))

    def _judge(self, watch: Watch) -> Standing:
        standing = watch.judge(self._context.expectation.value, self._clock.monotonic())
        if standing.state is State.CONNECTED:
            self._failures = 0
        return standing

    def _tell(self, standing: Standing) -> None:
        if standing != self._standing:
            self._standing = standing
            self._context.report(self._report(standing))

    def _report(self, standing: Standing) -> Report:
        watch, now = self._watch, self._clock.monotonic()
        measures = {"in_maintenance": float(standing.reason is Reason.MAINTENANCE)}
        if watch is not None and watch.ticked_at:
            measures["newest_tick_age_s"] = round(now - max(watch.ticked_at.values()), 3)
        return Report(
            state=standing.state,
            reason=standing.reason,
            observed_at=self._clock.now(),
            message=standing.message,
            attributes={"symbols": list(self._settings.symbols), "exchange": watch.system if watch else None},
            measures=measures,
        )

    async def _pause(self) -> None:
        await self._clock.sleep(pause_s(self._standing.reason, self._failures, random.uniform(0.5, 1)))


def pause_s(reason: Reason, failures: int, jitter: float) -> float:
    """Twice as long after each failure; a desk of many agents must not come back all at once."""
    longest = LONGEST_PAUSE_S
    return jitter * (longest if reason is Reason.RATE_LIMITED else min(longest, 2.0 ** min(failures, 10)))
