"""How fast a receiver takes messages: a few at once, then one in a while. Pure.

A token bucket, kept as the one instant at which it is full again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

BURST = 3
"""Messages that may go at once after a time of quiet."""


def take(full_at: datetime, pace: timedelta, now: datetime) -> datetime:
    """When the bucket is full again after a message now."""
    return max(full_at, now) + pace


def free_at(full_at: datetime, pace: timedelta) -> datetime:
    """From when on there is something in the bucket."""
    return full_at - (BURST - 1) * pace
