"""What can be quoted: a small table, and the facts that an instrument's number carries by itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final


class Segment(IntEnum):
    """The low byte of an instrument token."""

    NSE = 1
    NFO = 2
    CDS = 3
    BSE = 4
    BFO = 5
    BCD = 6
    MCX = 7
    MCXSX = 8
    INDICES = 9
    NCO = 12


DIVISORS: Final = {Segment.CDS: 10_000_000, Segment.BCD: 10_000, Segment.NCO: 10_000}
"""What a price on the wire is divided by to have rupees; 100 where the table is silent."""

HIGHEST_TOKEN: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Instrument:
    """One line of the instruments dump; `price` is where its walk starts, in rupees."""

    token: int
    exchange: str
    symbol: str
    name: str
    price: float
    tick_size: float = 0.05
    lot_size: int = 1
    kind: str = "EQ"
    segment: str = ""
    expiry: str = ""

    @property
    def key(self) -> str:
        """As REST names it: `NSE:RELIANCE`."""
        return f"{self.exchange}:{self.symbol}"


INSTRUMENTS: Final = (
    Instrument(256265, "NSE", "NIFTY 50", "NIFTY 50", 24_150.0, segment="INDICES"),
    Instrument(260105, "NSE", "NIFTY BANK", "NIFTY BANK", 51_800.0, segment="INDICES"),
    Instrument(264969, "NSE", "INDIA VIX", "INDIA VIX", 14.5, 0.01, segment="INDICES"),
    Instrument(265, "BSE", "SENSEX", "SENSEX", 79_300.0, segment="INDICES"),
    Instrument(738561, "NSE", "RELIANCE", "RELIANCE INDUSTRIES", 1_425.0),
    Instrument(408065, "NSE", "INFY", "INFOSYS", 1_560.0),
    Instrument(341249, "NSE", "HDFCBANK", "HDFC BANK", 1_740.0),
    Instrument(2953217, "NSE", "TCS", "TATA CONSULTANCY SERV LT", 3_390.0),
    Instrument(1270529, "NSE", "ICICIBANK", "ICICI BANK", 1_260.0),
    Instrument(779521, "NSE", "SBIN", "STATE BANK OF INDIA", 812.0),
    Instrument(128083204, "BSE", "RELIANCE", "RELIANCE INDUSTRIES", 1_425.0),
    Instrument(13368834, "NFO", "NIFTY26DECFUT", "NIFTY", 24_260.0, 0.05, 75, "FUT", "NFO-FUT", "2026-12-29"),
    Instrument(264707, "CDS", "USDINR26DECFUT", "USDINR", 84.25, 0.0025, 1, "FUT", "CDS-FUT", "2026-12-29"),
    Instrument(256518, "BCD", "USDINR26DECFUT", "USDINR", 84.25, 0.0025, 1, "FUT", "BCD-FUT", "2026-12-29"),
    Instrument(108705031, "MCX", "GOLD26DECFUT", "GOLD", 76_400.0, 1.0, 100, "FUT", "MCX-FUT", "2026-12-04"),
)

_COLUMNS: Final = (
    *("instrument_token", "exchange_token", "tradingsymbol", "name", "last_price", "expiry"),
    *("strike", "tick_size", "lot_size", "instrument_type", "segment", "exchange"),
)
_BY_TOKEN: Final = {instrument.token: instrument for instrument in INSTRUMENTS}
_BY_KEY: Final = {instrument.key: instrument for instrument in INSTRUMENTS}


def segment_of(token: int) -> int:
    """The segment as the token has it; a number outside `Segment` is one that nobody trades in."""
    return token & 0xFF


def divisor_of(token: int) -> int:
    return DIVISORS.get(segment_of(token), 100)  # type: ignore[call-overload, no-any-return]


def is_index(token: int) -> bool:
    return segment_of(token) == Segment.INDICES


@lru_cache(maxsize=8_192)
def instrument(token: int) -> Instrument:
    """The table's entry, or a plausible stranger: any token may be subscribed to."""
    return _BY_TOKEN.get(token) or Instrument(token, "NSE", str(token), str(token), _stranger_price(token))


def _stranger_price(token: int) -> float:
    """Up to 4,050 rupees; a finely divided price has to stay below 429 to fit its 32 bits."""
    return 50.0 + token % (4_000 if divisor_of(token) == 100 else 50)


def named(name: str) -> Instrument | None:
    """`NSE:INFY` or `408065`, as a quote request has it; `None` if nothing is called so."""
    if name.isascii() and name.isdigit() and len(name) <= 10 and 0 < int(name) <= HIGHEST_TOKEN:
        return instrument(int(name))
    return _BY_KEY.get(name)


def dump(exchange: str | None = None) -> str:
    """The instruments as the broker's CSV, all or those of one exchange."""
    lines = [",".join(_COLUMNS)]
    lines += [
        f"{i.token},{i.token >> 8},{i.symbol},{i.name},0,{i.expiry},0,{i.tick_size:g},{i.lot_size},"
        f"{i.kind},{i.segment or i.exchange},{i.exchange}"
        for i in INSTRUMENTS
        if exchange in {None, i.exchange}
    ]
    return "\n".join(lines) + "\n"
