"""Which instruments are alive: a few liquid ones are watched by their exchange timestamps.

A packet alone proves nothing: every subscribe is answered by a cached one, on holidays too
(https://kite.trade/forum/discussion/comment/766). Life is a timestamp that moves forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

FLOOR = 946_684_800.0  # 2000-01-01; an earlier timestamp is a blank field, not a time
AHEAD_S = 300.0  # a timestamp further in the future is wrong, whatever our clock's error
ANSWER_AGE_S = 2.0  # the answer to a subscribe counts as life if it is no older


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One watched instrument; instants ending in `_at` are monotonic seconds.

    `stamp` is its last exchange timestamp (epoch seconds). `answered` says that the packet
    which answers a subscribe has come. `packet_at` is when a packet last came that answers no
    subscribe, `fresh_at` when its timestamp last moved forward, `lag_s` how old it then was.
    """

    token: int
    name: str
    stamp: float | None = None
    answered: bool = False
    packet_at: float | None = None
    fresh_at: float | None = None
    lag_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """All canaries, and what they say together.

    `asked_at` is when they were last subscribed to, `packet_at` when a packet of any instrument
    last came that answers no subscribe, `punctual_at` when a canary last moved within the lag
    limit; `implausible` counts the timestamps that cannot be true.
    """

    canaries: tuple[Canary, ...]
    asked_at: float | None = None
    packet_at: float | None = None
    punctual_at: float | None = None
    implausible: int = 0

    @property
    def fresh_at(self) -> float | None:
        """When any canary last moved."""
        return max((c.fresh_at for c in self.canaries if c.fresh_at is not None), default=None)

    @property
    def lag_s(self) -> float | None:
        """The lag when a canary last moved; of several, the smallest."""
        at = self.fresh_at
        lags = (c.lag_s for c in self.canaries if c.lag_s is not None and c.fresh_at == at)
        return min(lags, default=None)


def make_basket(names: Mapping[int, str]) -> Basket:
    """A basket of which nothing is known yet."""
    return Basket(canaries=tuple(Canary(token=token, name=name) for token, name in names.items()))


def await_answers(basket: Basket, now: float) -> Basket:
    """After a subscribe: the next packet of each canary may be a cached one."""
    canaries = tuple(replace(c, answered=False) for c in basket.canaries)
    return replace(basket, canaries=canaries, asked_at=now)


def hear(
    basket: Basket,
    stamps: Mapping[int, float],
    *,
    at: float,
    wall: float,
    lag_limit: float,
    answer_time: float,
    trust_answers: bool,
) -> Basket:
    """The basket after these packets; only a plausible timestamp that moves forward is life.

    For `answer_time` seconds after a subscribe, packets may be its answers.
    """
    implausible = sum(not is_plausible(stamp, wall) for stamp in stamps.values())
    unasked = basket.asked_at is None or at >= basket.asked_at + answer_time
    canaries = tuple(
        _hear_one(c, stamps[c.token], at, wall, unasked=unasked, trust_answers=trust_answers)
        if c.token in stamps
        else c
        for c in basket.canaries
    )
    moved = [c for c in canaries if c.fresh_at == at and c.token in stamps]
    punctual = any(c.lag_s is not None and c.lag_s <= lag_limit for c in moved)
    return replace(
        basket,
        canaries=canaries,
        packet_at=at if unasked else basket.packet_at,
        punctual_at=at if punctual else basket.punctual_at,
        implausible=basket.implausible + implausible,
    )


def _hear_one(
    canary: Canary, stamp: float, at: float, wall: float, *, unasked: bool, trust_answers: bool
) -> Canary:
    packet_at = at if unasked else canary.packet_at
    if not is_plausible(stamp, wall):
        return replace(canary, packet_at=packet_at)
    moved = canary.stamp is None or stamp > canary.stamp
    alive = moved and (canary.answered or (trust_answers and wall - stamp <= ANSWER_AGE_S))
    return replace(
        canary,
        stamp=stamp,
        answered=True,
        packet_at=packet_at,
        fresh_at=at if alive else canary.fresh_at,
        lag_s=wall - stamp if alive else canary.lag_s,
    )


def is_plausible(stamp: float, wall: float) -> bool:
    """Whether an exchange timestamp can be true; NaN cannot."""
    return FLOOR <= stamp <= wall + AHEAD_S


def silent(canaries: Iterable[Canary], since: float, now: float, limit: float) -> tuple[Canary, ...]:
    """Those that have not moved for `limit` seconds, counted from `since` at the earliest."""
    return tuple(c for c in canaries if now >= silent_at(c, since, limit))


def silent_at(canary: Canary, since: float, limit: float) -> float:
    """When this canary counts as silent if nothing more comes."""
    return max(since, since if canary.fresh_at is None else canary.fresh_at) + limit
