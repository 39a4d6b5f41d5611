"""All that is known of one feed at one instant, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agent.api import Expectation, Verdict
from plugins.feed.backoff import Backoff
from plugins.feed.canaries import Basket
from plugins.feed.states import Reason


class Link(StrEnum):
    """Where the one connection is."""

    DOWN = "DOWN"
    OPENING = "OPENING"
    OPEN = "OPEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How patient the watchdog is; seconds throughout.

    `pongs_are_life` is for a broker that sends no heartbeat of its own.
    """

    stale_after: float = 10.0
    heartbeat_after: float = 5.0
    connect_timeout: float = 5.0
    lag_limit: float = 5.0
    settled_after: float = 10.0
    doubt_patience: float = 15.0
    refusal_pause: float = 300.0
    rate_limit_pause: float = 30.0
    cure_cap: float = 60.0
    backoff: Backoff = field(default_factory=Backoff)
    pongs_are_life: bool = False

    @property
    def answer_time(self) -> float:
        """How long after a subscribe a packet may still be its answer."""
        return min(2.0, self.stale_after / 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The credential at hand: what others made of it, and when our handshake with it was refused."""

    generation: str | None = None
    verdict: Verdict = Verdict.UNPROVEN
    doubted_at: float | None = None
    refused_at: float | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The attempts to connect: failures in a row, when the next is due, why there must be one.

    `made` and `opened` count the attempts and those that succeeded, since the start.
    """

    failures: int = 0
    due: float = 0.0
    fault: Reason | None = None
    text: str = ""
    made: int = 0
    opened: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """What was done about an ailment since the feed was last well."""

    ailment: Reason | None = None
    count: int = 0
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One feed; all instants are monotonic seconds.

    `link_since` is when the link came to where it is, `opened_at` when the last connection
    opened, `data_since` when data began to be expected, `generation` the credential that the
    link was made with, `forced` that a reconnect was asked for and has yet to begin.
    """

    limits: Limits
    basket: Basket
    expectation: Expectation
    data_since: float
    link_since: float
    link: Link = Link.DOWN
    generation: str | None = None
    opened_at: float | None = None
    subscribed_at: float | None = None
    heard_at: float | None = None
    pong_at: float | None = None
    standing: Standing = field(default_factory=Standing)
    attempts: Attempts = field(default_factory=Attempts)
    cure: Cure = field(default_factory=Cure)
    forced: bool = False

    @property
    def expects_data(self) -> bool:
        return self.expectation is Expectation.DATA

    @property
    def expects_nothing(self) -> bool:
        return self.expectation is Expectation.NOTHING

    @property
    def is_heard(self) -> bool:
        """Whether anything came over the present connection."""
        if self.link is not Link.OPEN or self.heard_at is None or self.opened_at is None:
            return False
        return self.heard_at >= self.opened_at


def begin(limits: Limits, basket: Basket, expectation: Expectation, now: float) -> Watch:
    """A watch that knows nothing yet and wants to connect."""
    return Watch(
        limits=limits,
        basket=basket,
        expectation=expectation,
        data_since=now,
        link_since=now,
        attempts=Attempts(due=now),
    )
