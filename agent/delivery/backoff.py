"""How long to wait before a notice is tried again."""

from __future__ import annotations

import random
from datetime import timedelta

FIRST = timedelta(seconds=2)
LONGEST = timedelta(seconds=60)
LONGEST_WISH = timedelta(hours=1)
"""A receiver's `Retry-After` counts no further than this."""


def pause(attempt: int, wish: timedelta | None, rng: random.Random) -> timedelta:
    """The pause after the `attempt`-th failure, from 1: full jitter below a doubling bound.

    The receiver's own wish is a floor.
    """
    bound = min(LONGEST, FIRST * 2 ** min(attempt - 1, 10))
    drawn = timedelta(seconds=rng.uniform(0, bound.total_seconds()))
    floor = min(max(wish or timedelta(0), timedelta(0)), LONGEST_WISH)
    return max(drawn, floor)
