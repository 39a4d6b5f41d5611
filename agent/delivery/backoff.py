"""What follows from a failed attempt: another one, and when, or the letter's end. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from agent.alerts import letters as post
from agent.alerts.letters import Letter
from agent.errors import DeliveryError

FIRST = timedelta(seconds=2)
LONGEST = timedelta(seconds=60)
LONGEST_WISH = timedelta(hours=1)
"""A receiver's `Retry-After` counts no further than this."""

BOUNDS = (
    (timedelta(minutes=15), LONGEST),
    (timedelta(hours=6), timedelta(minutes=10)),
)
"""Up to which age of a notice its pauses are bounded by what; an hour beyond."""

SLOWLY = timedelta(seconds=200)
REFUSALS = 3
"""Where only a person can set it right: so many further attempts, ten minutes in all."""


def judge(letter: Letter, error: DeliveryError, text: str, now: datetime, rng: random.Random) -> Letter:
    """The letter after a failed attempt: dead, or pending until the next one.

    A letter that its receiver has turned away, as one not set up for us, is given up after a
    while: until somebody has set it right, whatever is sent there is turned away.
    """
    if error.permanent:
        return post.bury(letter, text, now)
    if error.needs_person and letter.refusals >= REFUSALS:
        return post.bury(letter, f"turned away {letter.refusals + 1} times: {text}", now)
    wish = max(clamp(error.retry_after), SLOWLY) if error.needs_person else error.retry_after
    next_at = now + pause(letter.attempts, wish, rng, now - letter.created_at)
    return post.defer(letter, text, next_at, turned_away=error.needs_person)


def pause(
    attempt: int, wish: timedelta | None, rng: random.Random, age: timedelta = timedelta(0)
) -> timedelta:
    """The pause after the `attempt`-th failure, from 1: full jitter below a doubling bound.

    The receiver's own wish is a floor.
    """
    longest = next((bound for until, bound in BOUNDS if age < until), LONGEST_WISH)
    bound = min(longest, FIRST * 2 ** min(attempt - 1, 15))
    drawn = timedelta(seconds=rng.uniform(0, bound.total_seconds()))
    return max(drawn, clamp(wish))


def clamp(wish: timedelta | None) -> timedelta:
    """A receiver's wish, within reason."""
    return min(max(wish or timedelta(0), timedelta(0)), LONGEST_WISH)
