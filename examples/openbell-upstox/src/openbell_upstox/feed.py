"""The feed machine: keeps one stream open while it is wanted, and tells how it stands."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import aiohttp
from pydantic import Field

from agent.api import ActionError, Context, Duration, Expectation, Report, Secret, Settings, Timer

from . import pacing, pulse, rest, stream, update
from .pulse import MESSAGES, Pulse, Reason, State, Word

RECONNECT = "reconnect"
DATA_FRAMES = {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}

Key = Annotated[str, Field(pattern=r"^[A-Z]+_[A-Z]+\|.+$")]


class FeedSettings(Settings):
    """`[machines.NAME]` with `kind = "upstox-feed"`. Each of the instruments must trade."""

    url: str = rest.LIVE
    instruments: Annotated[tuple[Key, ...], Field(min_length=1, max_length=100)] = ("NSE_INDEX|Nifty 50",)
    stale_after: Annotated[Duration, Field(ge=timedelta(seconds=1))] = timedelta(seconds=10)
    credential: str = "upstox"


class UpstoxFeed:
    """A `StateMachine` with `Running` and `Actions`; Upstox allows a user one stream at a time."""

    def __init__(self, settings: FeedSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._credential = context.credential(settings.credential)
        self._stale_s = settings.stale_after.total_seconds()
        self._word: Word = (State.DISCONNECTED, Reason.AWAITING_CREDENTIAL)
        self._pulse: Pulse | None = None
        self._woken = asyncio.Event()
        self._wished = False
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._timer: Timer | None = None
        self._ill_since: float | None = None
        self._failures = 0

    async def probe(self) -> Report:
        return self._report()

    def _report(self) -> Report:
        state, reason = self._word
        ticked = self._pulse.ticked_at if self._pulse is not None else None
        age = {} if ticked is None else {"tick_age_s": max(0.0, self._context.clock.monotonic() - ticked)}
        return Report(
            state=state,
            reason=reason,
            observed_at=self._context.clock.now(),
            message=MESSAGES[reason],
            measures=age,
        )

    async def act(self, action: str) -> str:
        """Do `reconnect`."""
        if action != RECONNECT:
            raise ActionError(f"{self._context.name} does not know {action!r}; it knows {RECONNECT!r}")
        self._failures = 0
        self._wish()
        if self._socket is None:
            return "There is no stream; it is opened as soon as it may be."
        self._drop(self._socket)
        return "The stream is closed, and is being opened anew."

    async def run(self) -> None:
        """Keep a stream open while one is wanted, until cancelled."""
        endings = (
            self._credential.state.subscribe(lambda _: self._woken.set()),
            self._context.expectation.subscribe(self._expect),
        )
        try:
            while True:
                secret = await self._wanted()
                refusal = await self._live(secret)
                pause_s = pacing.pause_s(self._failures, random.random(), refusal)
                await self._pause(pause_s, secret.generation)
        finally:
            self._disarm()
            for end in endings:
                end()

    async def _wanted(self) -> Secret:
        """Wait until something is expected of the feed, and there is a token to open it with."""
        while True:
            self._woken.clear()
            secret = self._credential.state.value.usable
            quiet = self._context.expectation.value is Expectation.NOTHING
            if secret is not None and not quiet:
                return secret
            if quiet or self._word[1] is not Reason.REFUSED:
                self._tell(State.DISCONNECTED, Reason.IDLE if quiet else Reason.AWAITING_CREDENTIAL)
            await self._woken.wait()

    async def _live(self, secret: Secret) -> stream.Refusal | None:
        """One stream, from its opening to its end; returns why there was none, if so."""
        if self._word[0] is not State.STALE and not self._failures:
            self._tell(State.CONNECTING, Reason.OPENING)
        try:
            socket = await stream.open_stream(self._context, self._settings.url, secret.value)
        except stream.Refusal as refusal:
            self._failures += 1
            self._tell(State.DISCONNECTED, refusal.reason)
            if refusal.is_token:
                self._credential.doubt(secret.generation, "feed")
            return refusal
        self._credential.accept(secret.generation, "feed")
        await self._listen(socket)
        return None

    async def _pause(self, seconds: float, tried: str) -> None:
        """Wait, unless there is another token or a wish; that the same token is good again is no reason.

        Else a stream that is forbidden to a good token would be tried without end.
        """
        try:
            async with self._context.clock.timeout(seconds):
                while not self._wished and not self._has_other_than(tried):
                    self._woken.clear()
                    await self._woken.wait()
        except TimeoutError:
            return
        finally:
            self._wished = False

    def _has_other_than(self, tried: str) -> bool:
        secret = self._credential.state.value.usable
        return secret is not None and secret.generation != tried

    def _wish(self) -> None:
        self._wished = True
        self._woken.set()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._pulse = socket, pulse.begin(self._context.clock.monotonic())
        try:
            await socket.send_bytes(stream.subscription(self._settings.instruments))
            self._consider()
            async for message in socket:
                if message.type in DATA_FRAMES and (heard := update.read(message.data)) is not None:
                    self._pulse = pulse.hear(self._pulse, heard, self._context.clock.monotonic())
                    self._consider()
        except (aiohttp.ClientError, OSError):
            pass  # it ended while the wish was sent
        finally:
            self._disarm()
            self._socket = None
            await socket.close()
        self._failures += 1
        if self._word[0] is not State.STALE:
            self._tell(State.DISCONNECTED, Reason.CLOSED_BY_PEER)

    def _expect(self, expectation: Expectation) -> None:
        """Another expectation: silence counts from now on, not from before the bell."""
        self._wish()
        if self._socket is not None and self._pulse is not None:
            self._pulse = replace(self._pulse, since=self._context.clock.monotonic())
            self._consider()

    def _consider(self) -> None:
        """Judge the stream, tell what is new, and come back when time alone may change it."""
        if self._pulse is None or self._socket is None:
            return
        now, keys = self._context.clock.monotonic(), self._settings.instruments
        state, reason = pulse.judge(self._pulse, keys, self._context.expectation.value, self._stale_s, now)
        if state is State.CONNECTED:
            self._failures = 0
        if (state, reason) != (State.CONNECTING, Reason.OPENING) or self._word[0] is not State.STALE:
            self._tell(state, reason)
        if state is not State.STALE:
            self._ill_since = None
        elif self._ill_since is None:
            self._ill_since = now
        drop_at = self._drop_at()
        if drop_at <= now:
            self._ill_since = None
            self._drop(self._socket)
        else:
            self._arm(min(drop_at, pulse.next_look(self._pulse, keys, self._stale_s, now)), now)

    def _drop_at(self) -> float:
        """When an ill stream is given up, for the next may be well; later each time in a row."""
        if self._ill_since is None:
            return math.inf
        return self._ill_since + self._stale_s * 2.0 ** min(self._failures, 5)

    def _drop(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._context.spawn(socket.close(), name="upstox-feed close")

    def _arm(self, at: float, now: float) -> None:
        self._disarm()
        if at < math.inf:
            self._timer = self._context.clock.call_later(at - now, self._consider)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _tell(self, state: State, reason: Reason) -> None:
        """Push a report, if it is news."""
        if (state, reason) != self._word:
            self._word = (state, reason)
            self._context.report(self._report())
