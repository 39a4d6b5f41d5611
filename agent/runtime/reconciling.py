"""Every few seconds: follows the wall clock, derives everything anew, renews the document."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from agent.clock import STEP_LIMIT, SystemClock
from agent.settings import format_duration

log = logging.getLogger(__name__)

RECONCILE_S = 5.0
RENEW_EVERY = 2
"""The document is renewed at every second turn."""
PRUNE_EVERY = 120
"""Some seconds after the start, and then every ten minutes, the journal forgets what is old."""


@dataclass(frozen=True, slots=True)
class Jump:
    """The wall clock is elsewhere than the steady one says: by `step`, of which `slept` is a suspend."""

    step: timedelta
    slept: timedelta

    @property
    def set_by(self) -> timedelta:
        """By how much somebody set the clock: what a suspend does not explain."""
        by = self.step - self.slept
        return by if abs(by) > STEP_LIMIT else timedelta(0)

    @property
    def words(self) -> str:
        asleep = f"the machine was suspended for {_rounded(self.slept)}" if self.slept else ""
        way = "forward" if self.set_by > timedelta(0) else "back"
        stepped = f"the wall clock was set {way} by {_rounded(abs(self.set_by))}" if self.set_by else ""
        return "; ".join(part for part in (asleep, stepped) if part)


def _rounded(span: timedelta) -> str:
    return format_duration(timedelta(seconds=round(span.total_seconds())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What a turn has others do: `lag` hears how late it is in milliseconds, `shift` of a jump of the
    wall clock, `hurry` finds a disk that hangs, `look` derives the agent's own health, and with it
    tries a journal that cannot be written; `prune` has it forget.
    """

    lag: Callable[[float], None]
    shift: Callable[[Jump], None]
    hurry: Callable[[], None]
    look: Callable[[], None]
    renew: Callable[[], None]
    prune: Callable[[], None]


async def reconcile(clock: SystemClock, turns: Turns) -> None:
    """Turn until cancelled: a timer that was lost is never a transition that was lost."""
    turn = 0
    while True:
        due = clock.monotonic() + RECONCILE_S
        await clock.sleep(RECONCILE_S)
        turn += 1
        turns.lag(max(0.0, (clock.monotonic() - due) * 1000))
        jump = Jump(clock.follow(), clock.slept())
        if jump.step or jump.slept:
            log.warning("%s; ages are kept, everything is timed anew", jump.words)
            turns.shift(jump)
        turns.hurry()
        turns.look()
        if turn % RENEW_EVERY == 0:
            turns.renew()
        if turn % PRUNE_EVERY == 1:
            turns.prune()
