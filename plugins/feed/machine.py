"""The machine: does what the watchdog wishes, over one connection at a time, and tells its verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from agent.api import ActionError, Context, Credential, Report, Secret, Verdict
from plugins.feed import events
from plugins.feed.canaries import make_basket
from plugins.feed.dialect import Dialect, Tally
from plugins.feed.obstacles import find_obstacle
from plugins.feed.reaching import reach_host
from plugins.feed.states import Action, Reason
from plugins.feed.transport import (
    Connection,
    ConnectionLostError,
    HandshakeRefusedError,
    UnreachableError,
    connect,
)
from plugins.feed.watch import Limits, Link, Watch
from plugins.feed.watchdog import Decision
from plugins.feed.watching import Watching

T = TypeVar("T")

JUDGE = "handshake"
"""By whom a credential is accepted or doubted here."""

_LOOKS = 200  # frames after a subscribe that are looked through for its answers


class Feed:
    """One feed, kept alive; `credential` is `None` for a feed that needs none."""

    def __init__(
        self, dialect: Dialect, limits: Limits, context: Context, credential: Credential | None
    ) -> None:
        self._dialect = dialect
        self._context = context
        self._clock = context.clock
        self._credential = credential
        self._tally = Tally()
        self._wished = asyncio.Event()
        self._watching = Watching(
            limits,
            make_basket(dialect.canaries),
            context,
            credential,
            self._tally,
            look=self._look,
            changed=self._wish,
        )

    @property
    def _watch(self) -> Watch:
        return self._watching.watch

    @property
    def _decision(self) -> Decision:
        return self._watching.decision

    async def run(self) -> None:
        """Keep the feed connected, until cancelled."""
        endings = self._watching.follow()
        try:
            while True:
                await self._until_wished()
                await self._connect_once()
        finally:
            for end in endings:
                end()
            self._watching.end()

    async def probe(self) -> Report:
        """What the watchdog says at this instant; nothing is asked of anybody."""
        self._look()
        return self._watching.describe()

    async def reach(self) -> str:
        """Connect to the host, and open no feed."""
        return await reach_host(self._dialect.address(""), self._clock)

    async def act(self, action: str) -> str:
        if action != "reconnect":
            raise ActionError(f'{self._context.name}: unknown action "{action}": expected "reconnect"')
        self._see(events.Told())
        obstacle = find_obstacle(self._watch, self._clock.monotonic())
        if obstacle is not None:
            raise ActionError(f"{self._context.name}: cannot reconnect: {obstacle.message}")
        return f"{self._context.name}: reconnecting"

    def _see(self, event: events.Event) -> None:
        self._watching.see(event)

    def _wish(self) -> None:
        if self._decision.action is not Action.NONE:
            self._wished.set()

    async def _until_wished(self) -> Action:
        while self._decision.action is Action.NONE:
            self._wished.clear()
            await self._wished.wait()
        return self._decision.action

    async def _connect_once(self) -> None:
        secret = self._secret()
        self._see(events.Opening(secret.generation))
        try:
            connection = await connect(
                self._context.http,
                self._dialect.address(secret.value),
                self._dialect.headers,
                clock=self._clock,
                timeout_s=self._watch.limits.connect_timeout,
            )
        except HandshakeRefusedError as refusal:
            self._turned_away(refusal.status, secret.generation)
        except UnreachableError as trouble:
            self._see(events.Failed(str(trouble)))
        else:
            await self._live(connection, secret.generation)

    def _secret(self) -> Secret:
        secret = self._credential.state.value.secret if self._credential is not None else None
        return secret or Secret("", "", self._clock.now())

    def _turned_away(self, status: int, generation: str) -> None:
        """A first refusal of a generation is put to whoever can ask the broker about it."""
        known = self._watch.standing.refused_at is not None
        self._see(events.Refused(status))
        if self._credential is None or self._watch.standing.refused_at is None or known:
            return
        if self._credential.state.value.verdict is not Verdict.REFUSED:
            self._credential.doubt(generation, JUDGE)

    async def _live(self, connection: Connection, generation: str) -> None:
        """One connection from its handshake to its end; it is closed before this returns."""
        try:
            self._see(events.Opened())
            if self._watch.link is not Link.OPEN:  # it came after its time was up
                return
            if self._credential is not None:
                self._credential.accept(generation, JUDGE)
            await self._subscribe(connection, None)
            closed = await _first_of(
                self._listen(connection), self._tend(connection), self._keep_pinging(connection)
            )
        except ConnectionLostError:
            closed = events.Closed(Reason.CLOSED_BY_PEER, "while it was written to")
        finally:
            await connection.close()
        self._note()
        self._see(closed)

    async def _listen(self, connection: Connection) -> events.Closed:
        ending = await connection.receive(self._hear, lambda: self._see(events.Ponged()))
        return events.Closed(Reason.CLOSED_BY_PEER, ending)

    async def _tend(self, connection: Connection) -> events.Closed:
        """Subscribe again when that is wished; any other wish is the end of this connection."""
        while True:
            action = await self._until_wished()
            verdict = self._decision.verdict
            if action is not Action.RESUBSCRIBE:
                return events.Closed(None if self._watch.forced else verdict.reason)
            await self._subscribe(connection, verdict.reason)

    async def _subscribe(self, connection: Connection, cure: Reason | None) -> None:
        await connection.send(self._dialect.subscriptions())
        self._tally.unanswered = dict(self._dialect.instruments)
        self._tally.looks = _LOOKS
        self._see(events.Subscribed(cure))

    async def _keep_pinging(self, connection: Connection) -> events.Closed:
        while True:
            await connection.ping()
            await self._clock.sleep(self._watch.limits.heartbeat_after / 2)

    def _hear(self, frame: bytes | str) -> None:
        """Count a frame. The watchdog hears of it at once if that may change something."""
        tally = self._tally
        self._dialect.read(frame, tally)
        tally.frames += 1
        tally.heard_at = now = self._clock.monotonic()
        if now >= self._watching.note_at:
            self._note()

    def _note(self) -> None:
        """Tell the watchdog what has been counted."""
        tally = self._tally
        if tally.heard_at is None:
            return
        heard = events.Heard(
            at=tally.heard_at,
            wall=self._clock.now().timestamp(),
            packets=tally.packets,
            stamps=tally.stamps,
        )
        tally.total_packets += tally.packets
        tally.packets, tally.stamps, tally.heard_at = 0, {}, None
        self._see(heard)

    def _look(self) -> None:
        """Ask the watchdog again."""
        self._note()
        self._see(events.Passed())


async def _first_of(*calls: Coroutine[object, object, T]) -> T:
    """What the first of these calls returns or raises; the others are cancelled and waited for."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return next(iter(done)).result()
