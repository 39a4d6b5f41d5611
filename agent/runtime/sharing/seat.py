"""Whether this agent owns its desk, as far as it can know from here. Pure.

The lease is a row that only the database's clock judges. Here stands what was heard of it last,
by this machine's steady clock, which goes on while the process is stopped: so one that was stopped
knows, before it does anything else, that its lease may be another's by now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from agent.fleet.rows import Role

ALONE_AFTER_S = 30.0
"""So long without the shared store, and the agent sends its own critical notices itself."""

TROUBLE_AFTER_S = 3.0
"""A restart of the server is no trouble worth telling."""

GAP_S = 5.0
"""Between two attempts to reach the store there is never so long, unless the process stood still."""


@dataclass(frozen=True, slots=True)
class Seat:
    """All instants are readings of the steady clock, in seconds.

    `is_held` is whether the desk was ours when we heard last, `until` how long that surely lasts;
    `failing_since` is the first of the failed attempts to hear, `failed_at` the latest.
    """

    epoch: int = 0
    is_held: bool = False
    until: float = -inf
    failing_since: float | None = None
    failed_at: float = -inf

    def taken(self, epoch: int, asked_at: float, lasts_s: float) -> Seat:
        """The lease is ours, taken or renewed: it lasts from no earlier than when we asked."""
        return Seat(epoch=epoch, is_held=True, until=asked_at + lasts_s)

    def lost(self) -> Seat:
        """The store has answered, and the lease is not ours."""
        return Seat(epoch=self.epoch)

    def failed(self, now: float) -> Seat:
        """The store cannot be reached. Time in which this process stood still is not counted."""
        is_first = self.failing_since is None or now - self.failed_at > GAP_S
        return replace(self, failing_since=now if is_first else self.failing_since, failed_at=now)

    def kept(self, epoch: int, now: float) -> Seat:
        """There is no store at the start: the desk is ours until it says otherwise."""
        return Seat(epoch=epoch, is_held=True, failing_since=now, failed_at=now)

    def owns(self, now: float) -> bool:
        """Whether nobody else can own the desk."""
        return self.is_held and now < self.until

    def is_alone(self, now: float) -> bool:
        """Whether we have been without the store for so long that we send by ourselves."""
        return (
            self.is_held
            and self.failing_since is not None
            and now - self.failing_since >= ALONE_AFTER_S
            and now - self.failed_at <= GAP_S
        )

    def may_send(self, now: float) -> bool:
        return self.owns(now) or self.is_alone(now)

    def role(self, now: float) -> Role:
        if not self.is_held:
            return Role.STANDBY
        return Role.OWNER if self.owns(now) else Role.ALONE
