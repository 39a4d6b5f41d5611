"""How long to wait before a notice is tried again."""

from __future__ import annotations

import random
from datetime import timedelta

FIRST = timedelta(seconds=2)
LONGEST = timedelta(seconds=60)
LONGEST_WISH = timedelta(hours=1)
"""A receiver's `Retry-After` counts no further than this."""

BOUNDS = (
    (timedelta(minutes=15), LONGEST),
    (timedelta(hours=6), timedelta(minutes=10)),
)
"""Up to which age of a notice its pauses are bounded by what; an hour beyond."""


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
