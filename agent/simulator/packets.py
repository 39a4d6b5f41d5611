"""Quotes as the bytes of Kite's binary stream, big-endian throughout.

The layouts are those of https://kite.trade/docs/connect/v3/websocket/ (binary market data).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

from agent.simulator.instruments import is_index
from agent.simulator.prices import Quote

HEARTBEAT: Final = b"\x00"
"""One byte says that the connection is alive; its value is nowhere documented."""

_LTP: Final = struct.Struct(">II")
_INDEX_QUOTE: Final = struct.Struct(">IIIIIIi")
_INDEX_FULL: Final = struct.Struct(">IIIIIIiI")
_QUOTE: Final = struct.Struct(">11I")
_FULL: Final = struct.Struct(">16I" + "IIHxx" * 10)
_COUNT: Final = struct.Struct(">H")


class Mode(StrEnum):
    """How much of a quote a subscriber wants."""

    LTP = "ltp"
    QUOTE = "quote"
    FULL = "full"


def packet(quote: Quote, mode: Mode) -> bytes:
    """One quote, in the layout of its kind and mode: 8, 28, 32, 44 or 184 bytes."""
    return _ENCODERS[is_index(quote.token), mode](quote)


def frame(packets: Sequence[bytes]) -> bytes:
    """One message: how many packets there are, then each with its length before it."""
    parts = [_COUNT.pack(len(packets))]
    for one in packets:
        parts += (_COUNT.pack(len(one)), one)
    return b"".join(parts)


def _ltp(quote: Quote) -> bytes:
    return _LTP.pack(quote.token, quote.last)


def _index(quote: Quote) -> tuple[int, ...]:
    return (quote.token, quote.last, quote.high, quote.low, quote.open, quote.close, quote.last - quote.close)


def _index_quote(quote: Quote) -> bytes:
    return _INDEX_QUOTE.pack(*_index(quote))


def _index_full(quote: Quote) -> bytes:
    return _INDEX_FULL.pack(*_index(quote), quote.at)


def _traded(quote: Quote) -> tuple[int, ...]:
    return (
        quote.token,
        quote.last,
        quote.last_quantity,
        quote.average,
        quote.volume,
        quote.buy_quantity,
        quote.sell_quantity,
        quote.open,
        quote.high,
        quote.low,
        quote.close,
    )


def _quote(quote: Quote) -> bytes:
    return _QUOTE.pack(*_traded(quote))


def _full(quote: Quote) -> bytes:
    return _FULL.pack(
        *_traded(quote),
        quote.at,
        quote.open_interest,
        quote.open_interest_high,
        quote.open_interest_low,
        quote.at,
        *(number for level in (*quote.bids, *quote.offers) for number in level),
    )


_ENCODERS: Final[dict[tuple[bool, Mode], Callable[[Quote], bytes]]] = {
    (False, Mode.LTP): _ltp,
    (False, Mode.QUOTE): _quote,
    (False, Mode.FULL): _full,
    (True, Mode.LTP): _ltp,
    (True, Mode.QUOTE): _index_quote,
    (True, Mode.FULL): _index_full,
}
