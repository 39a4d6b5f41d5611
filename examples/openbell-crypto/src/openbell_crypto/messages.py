"""The exchange's messages, read and written. Pure.

The protocol is that of Kraken's WebSocket API v2, which asks for no key:
https://docs.kraken.com/api/docs/websocket-v2/ticker
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

PING = json.dumps({"method": "ping"})


class Kind(StrEnum):
    """What a message is about."""

    TICK = "TICK"
    STATUS = "STATUS"
    NOT_LISTED = "NOT_LISTED"
    NO_NEWS = "NO_NEWS"


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `words` are symbols or, of a status, how the exchange stands."""

    kind: Kind
    words: tuple[str, ...] = ()


NO_NEWS = Message(Kind.NO_NEWS)


def subscribe(symbols: Sequence[str]) -> str:
    """Asks for a ticker at each change of the best bid or offer, which a live market has all the time."""
    channel = {"channel": "ticker", "symbol": list(symbols), "event_trigger": "bbo"}
    return json.dumps({"method": "subscribe", "params": channel})


def read(text: str) -> Message:
    """What a message says; one that is of no use here, or broken, is no news."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return NO_NEWS
    if not isinstance(said, dict):
        return NO_NEWS
    if said.get("method") == "subscribe" and said.get("success") is False:
        return Message(Kind.NOT_LISTED, _texts([said], "symbol"))
    if said.get("channel") == "status":
        return Message(Kind.STATUS, _texts(said.get("data"), "system"))
    # The snapshot that a subscription begins with is the last price, however old: it is no tick.
    if (said.get("channel"), said.get("type")) == ("ticker", "update"):
        return Message(Kind.TICK, _texts(said.get("data"), "symbol"))
    return NO_NEWS


def _texts(rows: object, key: str) -> tuple[str, ...]:
    found = [row.get(key) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return tuple(one for one in found if isinstance(one, str))
