"""Every few seconds: follows the wall clock, derives everything anew, renews the document."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from agent.clock import SystemClock

log = logging.getLogger(__name__)

RECONCILE_S = 5.0
RENEW_EVERY = 2
"""The document is renewed at every second turn."""
PRUNE_EVERY = 120
"""Some seconds after the start, and then every ten minutes, the journal forgets what is old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """What a turn has others do: `lag` hears how late it is in milliseconds, `shift` of a step of the
    wall clock, `hurry` finds a disk that hangs, `look` derives the agent's own health, and with it
    tries a journal that cannot be written; `prune` has it forget.
    """

    lag: Callable[[float], None]
    shift: Callable[[timedelta], None]
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
        step = clock.follow()
        if step:
            log.warning("the wall clock was set by %s; ages are kept, everything is timed anew", step)
            turns.shift(step)
        turns.hurry()
        turns.look()
        if turn % RENEW_EVERY == 0:
            turns.renew()
        if turn % PRUNE_EVERY == 1:
            turns.prune()
