"""The end of a token: half past three in the morning in Mumbai, whenever it was given.

Source: Upstox, "Get Token": a token lasts "until 3:30 AM the following day, regardless of the time
it was generated"; one of 2:30 ends at 3:30 of the same morning.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone

MUMBAI = timezone(timedelta(hours=5, minutes=30), "IST")
ENDS_AT = time(3, 30)
UNSURE = timedelta(minutes=1)
"""For so long before and after it the broker may think otherwise: its clock is not ours."""
UNSURE_EVERY = timedelta(seconds=10)


def last_end(now: datetime) -> datetime:
    """The latest end of all tokens, which may be now."""
    local = now.astimezone(MUMBAI)
    end = datetime.combine(local.date(), ENDS_AT, MUMBAI)
    return (end if end <= local else end - timedelta(days=1)).astimezone(UTC)


def next_end(now: datetime) -> datetime:
    """The next end of all tokens, after now."""
    return last_end(now) + timedelta(days=1)


def next_look(now: datetime) -> datetime:
    """When the broker should be asked, whatever else: at the end, and a few times after it."""
    end = last_end(now)
    if now - end >= UNSURE:
        return next_end(now)
    looks = (now - end) // UNSURE_EVERY + 1
    return end + looks * UNSURE_EVERY


def is_over(first_seen: datetime, proven_at: datetime | None, now: datetime) -> bool:
    """Whether by the broker's rule a token is over: it is older than the latest end, and so is its proof.

    That it was taken within the unsure minute proves nothing.
    """
    end = last_end(now)
    return first_seen < end and (proven_at is None or proven_at < end + UNSURE)
