"""A random walk that anyone can repeat: the quote is a function of seed, token and second.

A day has a mark every five minutes, walked from the day's anchor; between two marks the price runs
straight, and each second bounces it a tick off the line, as trades bounce between bid and offer.
High and low follow exactly from the marks passed, so nothing has to be remembered between seconds.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from agent.simulator import hours
from agent.simulator.instruments import Segment, divisor_of, instrument, is_index, segment_of

MARK: Final = 300
MARKS: Final = (hours.DAY - hours.OPEN) // MARK
"""From 09:00 to midnight; the night before is flat."""

STRIDE: Final = 0.0004
"""The standard deviation of a step from mark to mark, as a part of the price; at least a tick."""

ANCHOR_DEVIATION: Final = 0.003
BYTE_DEVIATION: Final = 73.9
"""A step is drawn as a byte: cheap, and so bounded that no day can lead to a price of zero."""

_WORD: Final = 2**64 - 1
_WITH_OPEN_INTEREST: Final = frozenset({Segment.NFO, Segment.CDS, Segment.BFO, Segment.BCD, Segment.MCX})


class Level(NamedTuple):
    """One step of the market depth."""

    quantity: int
    price: int
    orders: int


class Quote(NamedTuple):
    """One instrument at one second; prices are integers as the wire has them, `at` is a Unix second."""

    token: int
    at: int
    last: int
    last_quantity: int
    average: int
    volume: int
    buy_quantity: int
    sell_quantity: int
    open: int
    high: int
    low: int
    close: int
    open_interest: int
    open_interest_high: int
    open_interest_low: int
    bids: tuple[Level, ...]
    offers: tuple[Level, ...]

    @property
    def divisor(self) -> int:
        return divisor_of(self.token)


class Day(NamedTuple):
    """The marks of one instrument's day, and the highest and lowest so far at each of them."""

    marks: array[int]
    highs: array[int]
    lows: array[int]


def quote(seed: int, token: int, second: int) -> Quote:
    """What the exchange says of the instrument at that second."""
    number, of_day = divmod(second + hours.IST_OFFSET, hours.DAY)
    day, tick = today(seed, token, number), tick_of(token)
    traded = max(of_day - hours.OPEN, 0)
    middle, high, low = _position(day, traded, tick)
    noise = mix(seed, token, second)
    last = middle + (noise % 3 - 1) * tick
    lot = instrument(token).lot_size
    bids = _levels(mix(noise, 1), middle, -tick, lot)
    offers = _levels(mix(noise, 2), middle, tick, lot)
    interest, grown = _open_interest(token, traded)
    return Quote(
        token=token,
        at=second,
        last=last,
        last_quantity=lot * (1 + (noise >> 8) % 50),
        average=(day.marks[0] + high + low + last) // 4,
        volume=lot * max(traded * 40 - (noise >> 16) % 40, 0),
        buy_quantity=sum(level.quantity for level in bids) * 30,
        sell_quantity=sum(level.quantity for level in offers) * 30,
        open=day.marks[0],
        high=high + tick,
        low=low - tick,
        close=previous_close(seed, token, number),
        open_interest=grown,
        open_interest_high=grown,
        open_interest_low=interest,
        bids=() if is_index(token) else bids,
        offers=() if is_index(token) else offers,
    )


def walk(seed: int, token: int, day: int) -> Day:
    """The instrument's whole day; `day` counts from 1970-01-01 in India."""
    random = Random(f"{seed}:{token}:{day}")
    tick = tick_of(token)
    base = round(instrument(token).price * divisor_of(token) / tick)
    stride = max(base * STRIDE, 1.0) / BYTE_DEVIATION
    anchor = round(base * (1 + random.gauss(0, ANCHOR_DEVIATION)))
    steps = (round((byte - 127.5) * stride) for byte in random.randbytes(MARKS))
    marks = array("I", (at * tick for at in accumulate(steps, initial=anchor)))
    return Day(marks, array("I", accumulate(marks, max)), array("I", accumulate(marks, min)))


@lru_cache(maxsize=8_192)
def today(seed: int, token: int, day: int) -> Day:
    """`walk`, remembered, for the day that is asked for again and again."""
    return walk(seed, token, day)


@lru_cache(maxsize=8_192)
def previous_close(seed: int, token: int, day: int) -> int:
    """Where the instrument stood at the end of the weekday before."""
    marks = walk(seed, token, hours.weekday_before(day)).marks
    return marks[(hours.close_of_day(segment_of(token)) - hours.OPEN) // MARK]


@lru_cache(maxsize=8_192)
def tick_of(token: int) -> int:
    """The smallest step of the price, in the wire's units."""
    return max(round(instrument(token).tick_size * divisor_of(token)), 1)


def _position(day: Day, traded: int, tick: int) -> tuple[int, int, int]:
    """The middle of the market, its high and its low so far."""
    mark, elapsed = divmod(traded, MARK)
    here, there = day.marks[mark], day.marks[mark + 1]
    middle = here + (there - here) // tick * elapsed // MARK * tick
    return middle, max(day.highs[mark], middle), min(day.lows[mark], middle)


def _open_interest(token: int, traded: int) -> tuple[int, int]:
    """At the start of the day and after that many seconds of trade; derivatives alone have any."""
    if segment_of(token) not in _WITH_OPEN_INTEREST:
        return 0, 0
    lot = instrument(token).lot_size
    start = lot * (9_000 + token % 999)
    return start, start + lot * (traded // 60)


def _levels(noise: int, middle: int, step: int, lot: int) -> tuple[Level, ...]:
    return tuple(
        Level(
            quantity=lot * (1 + (noise >> 6 * depth) % 400),
            price=max(middle + step * (depth + 1), 0),
            orders=1 + (noise >> 5 * depth) % 23,
        )
        for depth in range(5)
    )


def mix(*words: int) -> int:
    """64 well-stirred bits of the words, the same on every machine (after splitmix64)."""
    state = 0x9E3779B97F4A7C15
    for word in words:
        state = (state ^ word) * 0xBF58476D1CE4E5B9 & _WORD
        state = (state ^ state >> 29) * 0x94D049BB133111EB & _WORD
        state ^= state >> 31
    return state
