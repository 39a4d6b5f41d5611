"""The stream's side that talks: beats, ticks and answers to every connection, as the fault allows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

from aiohttp import web

from agent.simulator.breakage import broken
from agent.simulator.broker import Broker
from agent.simulator.commands import Command, Verb
from agent.simulator.conduct import Condition
from agent.simulator.connection import Connection
from agent.simulator.faults import Fault, FeedFault
from agent.simulator.packets import HEARTBEAT, Mode, frame, packet
from agent.simulator.prices import Quote, quote

MOST_TOKENS: Final = 3_000
"""Of one connection; https://kite.trade/docs/connect/v3/websocket/ says so."""

STOP_TIMEOUT: Final = 0.3
"""How long a stopping simulator waits for its clients to answer the goodbye."""


class Feed:
    """All open connections, and the two clocks that drive them."""

    def __init__(self, broker: Broker, *, tick_interval: float, heartbeat_interval: float) -> None:
        self.condition = Condition()
        self.connections: dict[int, Connection] = {}
        self._broker = broker
        self._intervals = (heartbeat_interval, self.beat), (tick_interval, self.tick)
        self._tasks: list[asyncio.Task[None]] = []
        self._joined = 0
        self._ticks = 0
        self._built_at = 0
        self._built: dict[tuple[int, int, Mode], bytes] = {}

    def start(self) -> None:
        self._tasks = [asyncio.create_task(_every(interval, act)) for interval, act in self._intervals]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        leaving = tuple(self.connections.values())
        for connection in leaving:
            await connection.say_goodbye()
        with suppress(TimeoutError):
            await asyncio.wait_for(_all_gone(leaving), STOP_TIMEOUT)
        for connection in leaving:
            connection.reset()

    def join(self, stream: web.WebSocketResponse, transport: asyncio.Transport) -> Connection:
        self._joined += 1
        connection = Connection(self._joined, stream, transport, self._broker.now())
        self.connections[connection.number] = connection
        connection.read(wanted=self.condition.conduct(connection.number).reads)
        return connection

    def leave(self, connection: Connection) -> None:
        self.connections.pop(connection.number, None)
        connection.end()

    async def break_with(self, fault: Fault | None) -> None:
        """Put a fault in force at once, or clear it. A drop is an event: what was in force remains."""
        if fault is not None and fault.kind is FeedFault.DROP:
            await self._drop(fault)
            return
        self.condition = Condition(fault, self._joined)
        for connection in self.connections.values():
            connection.read(wanted=self.condition.conduct(connection.number).reads)

    async def obey(self, connection: Connection, command: Command) -> None:
        """Change the subscriptions; each token named is answered by its latest packet."""
        subscriptions = connection.subscriptions
        match command.verb:
            case Verb.UNSUBSCRIBE:
                connection.forget(command.tokens)
                return
            case Verb.MODE:
                accepted = [token for token in command.tokens if token in subscriptions]
            case Verb.SUBSCRIBE:
                accepted = await self._admit(connection, command.tokens)
        subscriptions.update(dict.fromkeys(accepted, command.mode))
        if accepted and self.condition.conduct(connection.number).answers:
            second, moment = self._broker.second(), self.condition.cached_moment
            cached = [self._packet(connection, token, moment(token, second)) for token in accepted]
            await connection.send(frame(cached))

    async def beat(self) -> None:
        for connection in tuple(self.connections.values()):
            if self.condition.conduct(connection.number).beats:
                await connection.send(HEARTBEAT)

    async def tick(self) -> None:
        """One packet for every token that trades, to everyone who subscribed to it."""
        second = self._broker.second()
        if second != self._built_at:
            self._built_at = second
            self._built.clear()
        self._ticks += 1
        for connection in tuple(self.connections.values()):
            trading = [token for token in connection.subscriptions if self._broker.is_trading(token, second)]
            await self._send(connection, trading)

    async def burst(self, rounds: int) -> int:
        """So many ticks of every subscription at once, in a session or not; returns the frames sent."""
        before = sum(connection.frames_sent for connection in self.connections.values())
        for _ in range(rounds):
            for connection in tuple(self.connections.values()):
                await self._send(connection, connection.subscriptions)
            await asyncio.sleep(0)
        return sum(connection.frames_sent for connection in self.connections.values()) - before

    async def tell(self, kind: str, content: object) -> int:
        """A text frame to every connection; returns how many heard it."""
        text = json.dumps({"type": kind, "data": content})
        conduct = self.condition.conduct
        hearing = [one for one in self.connections.values() if conduct(one.number).answers]
        for connection in hearing:
            await connection.send(text)
        return len(hearing)

    def latest(self) -> dict[int, Quote]:
        """The quote behind the last packet of each token subscribed to."""
        sent: dict[int, int] = {}
        for connection in self.connections.values():
            sent |= connection.latest
        return {token: quote(self._broker.seed, token, at) for token, at in sent.items()}

    async def _admit(self, connection: Connection, tokens: tuple[int, ...]) -> list[int]:
        """Those within the limit; the rest is refused in words, and the connection lives on."""
        subscribed = connection.subscriptions
        room = MOST_TOKENS - len(subscribed)
        fresh = [token for token in tokens if token not in subscribed]
        if len(fresh) > room and self.condition.conduct(connection.number).answers:
            text = f"Can't subscribe to more than {MOST_TOKENS} instruments"
            await connection.send(json.dumps({"type": "error", "data": text}))
        refused = set(fresh[room:])
        return [token for token in tokens if token not in refused]

    async def _send(self, connection: Connection, tokens: Iterable[int]) -> None:
        condition = self.condition
        if not condition.conduct(connection.number).ticks:
            return
        moment = condition.moment(self._broker.second())
        heard = (token for token in tokens if not condition.is_silent(token))
        packets = [self._packet(connection, token, moment) for token in heard]
        if not packets:
            return
        whole = frame(packets)
        if condition.fault is not None and condition.fault.kind is FeedFault.MALFORMED:
            await connection.send(broken(whole, condition.fault["kind"], self._ticks))
        else:
            await connection.send(whole)

    def _packet(self, connection: Connection, token: int, moment: int) -> bytes:
        """The token's packet in the connection's mode, built once whoever wants it."""
        at = self._broker.last_traded(token, moment)
        connection.latest[token] = at
        key = token, at, connection.subscriptions[token]
        built = self._built.get(key)
        if built is None:
            built = self._built[key] = packet(quote(self._broker.seed, token, at), key[2])
        return built

    async def _drop(self, fault: Fault) -> None:
        for connection in tuple(self.connections.values()):
            if fault["abort"]:
                connection.reset()
            else:
                await connection.say_goodbye(fault["code"])


async def _all_gone(connections: Iterable[Connection]) -> None:
    for connection in connections:
        await connection.gone.wait()


async def _every(interval: float, act: Callable[[], Awaitable[None]]) -> None:
    """Act on a steady grid; beats that were missed are not made up for."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due = max(due + interval, loop.time())
        await asyncio.sleep(due - loop.time())
        await act()
