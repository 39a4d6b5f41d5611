"""The words of a feed: its states, its reasons, what can be done, and which cure fits which ailment."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """How a feed stands."""

    CONNECTED = "CONNECTED"
    STALE = "STALE"
    CONNECTING = "CONNECTING"
    DISCONNECTED = "DISCONNECTED"


class Reason(StrEnum):
    """Why it stands so."""

    TICKING = "TICKING"
    IDLE = "IDLE"
    NO_TICKS = "NO_TICKS"
    NO_HEARTBEAT = "NO_HEARTBEAT"
    LAGGING = "LAGGING"
    PARTIAL = "PARTIAL"
    AWAITING_CREDENTIAL = "AWAITING_CREDENTIAL"
    REFUSED = "REFUSED"
    NETWORK = "NETWORK"
    CLOSED_BY_PEER = "CLOSED_BY_PEER"
    RATE_LIMITED = "RATE_LIMITED"


class Action(StrEnum):
    """What the watchdog wishes for now.

    `RECONNECT` closes politely and `DROP` does not wait for a peer that says nothing; after
    both, `CONNECT` is wished when it is due.
    """

    NONE = "NONE"
    CONNECT = "CONNECT"
    RESUBSCRIBE = "RESUBSCRIBE"
    RECONNECT = "RECONNECT"
    DROP = "DROP"


CURES: Mapping[Reason, tuple[Action, ...]] = {
    Reason.NO_HEARTBEAT: (Action.DROP,),
    Reason.NO_TICKS: (Action.RESUBSCRIBE, Action.RECONNECT),
    Reason.LAGGING: (Action.RESUBSCRIBE, Action.RECONNECT),
    Reason.PARTIAL: (Action.RESUBSCRIBE,),
}
"""What is tried for each ailment of an open connection, in order; the last again and again.

A partial feed is never dropped: that would cost the instruments that do tick.
"""
