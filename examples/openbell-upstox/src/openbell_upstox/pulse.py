"""How the feed stands: what was heard over its connection, what is expected of it and the time decide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.api import Expectation

from .update import Kind, Update


class State(StrEnum):
    CONNECTED = "CONNECTED"
    STALE = "STALE"
    CONNECTING = "CONNECTING"
    DISCONNECTED = "DISCONNECTED"


class Reason(StrEnum):
    TICKING = "TICKING"
    IDLE = "IDLE"
    NO_TICKS = "NO_TICKS"
    LAGGING = "LAGGING"
    PARTIAL = "PARTIAL"
    OPENING = "OPENING"
    NETWORK = "NETWORK"
    CLOSED_BY_PEER = "CLOSED_BY_PEER"
    RATE_LIMITED = "RATE_LIMITED"
    REFUSED = "REFUSED"
    AWAITING_CREDENTIAL = "AWAITING_CREDENTIAL"


MESSAGES = {
    Reason.TICKING: "Trades come in",
    Reason.IDLE: "No data is expected",
    Reason.NO_TICKS: "Connected, and no trade comes in",
    Reason.LAGGING: "Frames come in, and the last trades in them stand still",
    Reason.PARTIAL: "Some of the watched instruments stand still",
    Reason.OPENING: "The stream is being opened",
    Reason.NETWORK: "The feed cannot be reached; trying again",
    Reason.CLOSED_BY_PEER: "Upstox closed the stream; trying again",
    Reason.RATE_LIMITED: "Upstox limits the rate; waiting",
    Reason.REFUSED: "Upstox refused the token; the login machine is asked",
    Reason.AWAITING_CREDENTIAL: "There is no token that Upstox takes",
}

Word = tuple[State, Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What was heard over one connection; all instants are monotonic seconds.

    `since` is when data began to be expected of it, `heard_at` the latest live frame,
    `moved_at` when each instrument's last trade was last a new one, `traded_ms` that trade.
    """

    since: float
    heard_at: float | None = None
    moved_at: dict[str, float]
    traded_ms: dict[str, int]

    @property
    def ticked_at(self) -> float | None:
        return max(self.moved_at.values(), default=None)


def begin(now: float) -> Pulse:
    """A connection that has just opened."""
    return Pulse(since=now, moved_at={}, traded_ms={})


def hear(pulse: Pulse, update: Update, now: float) -> Pulse:
    """The pulse after a frame. A snapshot and a trade told twice move nothing: they are old."""
    if update.kind is Kind.MARKET or not update.traded_ms:
        return pulse
    newer = {k: ms for k, ms in update.traded_ms.items() if ms > pulse.traded_ms.get(k, 0)}
    traded = {**pulse.traded_ms, **newer}
    if update.kind is Kind.SNAPSHOT:
        return replace(pulse, traded_ms=traded)
    moved = {**pulse.moved_at, **dict.fromkeys(newer, now)}
    return replace(pulse, heard_at=now, traded_ms=traded, moved_at=moved)


def judge(
    pulse: Pulse, keys: tuple[str, ...], expectation: Expectation, stale_after: float, now: float
) -> Word:
    """The state of an open connection; each of the watched instruments must move."""
    ticked = pulse.ticked_at
    if expectation is not Expectation.DATA:
        moving = ticked is not None and now < ticked + stale_after
        return State.CONNECTED, Reason.TICKING if moving else Reason.IDLE
    silent = [key for key in keys if now >= _silent_at(pulse, key, stale_after)]
    if len(silent) == len(keys):
        alive = pulse.heard_at is not None and now < pulse.heard_at + stale_after
        return State.STALE, Reason.LAGGING if alive else Reason.NO_TICKS
    if silent:
        return State.STALE, Reason.PARTIAL
    return (State.CONNECTING, Reason.OPENING) if ticked is None else (State.CONNECTED, Reason.TICKING)


def next_look(pulse: Pulse, keys: tuple[str, ...], stale_after: float, now: float) -> float:
    """When time alone may change the verdict; infinity if never."""
    return min((at for at in _edges(pulse, keys, stale_after) if at > now), default=math.inf)


def _edges(pulse: Pulse, keys: tuple[str, ...], stale_after: float) -> Iterator[float]:
    yield from (_silent_at(pulse, key, stale_after) for key in keys)
    if pulse.heard_at is not None:
        yield pulse.heard_at + stale_after
    if pulse.ticked_at is not None:
        yield pulse.ticked_at + stale_after


def _silent_at(pulse: Pulse, key: str, stale_after: float) -> float:
    return max(pulse.since, pulse.moved_at.get(key, pulse.since)) + stale_after
