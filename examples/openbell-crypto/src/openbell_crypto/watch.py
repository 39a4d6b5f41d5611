"""What one connection has shown so far, and how the feed stands by it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from agent.api import Expectation

from .messages import Kind, Message

ONLINE = "online"


class State(StrEnum):
    CONNECTED = "CONNECTED"
    STALE = "STALE"
    CONNECTING = "CONNECTING"
    DISCONNECTED = "DISCONNECTED"


class Reason(StrEnum):
    TICKING = "TICKING"
    IDLE = "IDLE"
    AWAITING_TICKS = "AWAITING_TICKS"
    NO_TICKS = "NO_TICKS"
    PARTIAL = "PARTIAL"
    NOT_LISTED = "NOT_LISTED"
    MAINTENANCE = "MAINTENANCE"
    NO_HEARTBEAT = "NO_HEARTBEAT"
    NETWORK = "NETWORK"
    REFUSED = "REFUSED"
    RATE_LIMITED = "RATE_LIMITED"
    CLOSED_BY_PEER = "CLOSED_BY_PEER"


@dataclass(frozen=True, slots=True)
class Standing:
    """A state, its reason, and a sentence for people."""

    state: State
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Watch:
    """One connection. Instants and spans are seconds of a monotonic clock."""

    symbols: tuple[str, ...]
    stale_after: float
    opened_at: float
    ticked_at: Mapping[str, float] = field(default_factory=dict)
    not_listed: frozenset[str] = frozenset()
    system: str = ONLINE

    def hear(self, message: Message, now: float) -> Watch:
        """The same after a message."""
        match message.kind:
            case Kind.TICK:
                news = {symbol: now for symbol in message.words if symbol in self.symbols}
                return replace(self, ticked_at={**self.ticked_at, **news})
            case Kind.NOT_LISTED:
                return replace(self, not_listed=self.not_listed | set(message.words))
            case Kind.STATUS:
                return replace(self, system=message.words[-1] if message.words else ONLINE)
            case Kind.NO_NEWS:
                return self

    def silent(self, now: float) -> tuple[str, ...]:
        """The symbols of which nothing came for too long."""
        return tuple(
            symbol
            for symbol in self.symbols
            if now - self.ticked_at.get(symbol, self.opened_at) >= self.stale_after
        )

    def judge(self, expectation: Expectation, now: float) -> Standing:
        """How the feed stands; what explains the silence comes before the silence itself."""
        if expectation is not Expectation.DATA:
            return Standing(State.CONNECTED, Reason.IDLE, "Connected; no data is expected")
        return self._explained() or self._seen(now)

    def _explained(self) -> Standing | None:
        """What the exchange itself has said of why no data can come."""
        if self.not_listed:
            names = ", ".join(sorted(self.not_listed))
            return Standing(
                State.STALE, Reason.NOT_LISTED, f"The exchange does not list {names}: see symbols"
            )
        if self.system == "maintenance":
            return Standing(State.STALE, Reason.MAINTENANCE, "The exchange is in maintenance")
        return None

    def _seen(self, now: float) -> Standing:
        silent = self.silent(now)
        if len(silent) == len(self.symbols):
            return Standing(State.STALE, Reason.NO_TICKS, f"No ticks for {self.stale_after:g} s")
        if silent:
            return Standing(State.STALE, Reason.PARTIAL, f"No ticks of {', '.join(silent)}")
        if not self.ticked_at:
            return Standing(State.CONNECTING, Reason.AWAITING_TICKS, "Connected; no tick has come yet")
        return Standing(State.CONNECTED, Reason.TICKING, f"{', '.join(self.symbols)} tick")
