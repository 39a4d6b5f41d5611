"""Whether a letter goes by itself, or with others in one digest, so that nobody is flooded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

MOST = 20
WITHIN = timedelta(minutes=1)
"""To one recipient no more messages go within this time."""


class Course(StrEnum):
    """What is done about the letters that are due to one recipient."""

    SEND = "send"
    GATHER = "gather"
    HOLD = "hold"


def course(sent_at: Sequence[datetime], due: int, now: datetime) -> Course:
    """By the instants of former messages, oldest first, and how many letters are due.

    As long as all of them fit, each goes. If not, one message tells of them all, as soon as there is
    room for one.
    """
    room = MOST - len(recent(sent_at, now))
    if due <= room:
        return Course.SEND
    return Course.GATHER if room >= 1 else Course.HOLD


def recent(sent_at: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """Those that still count."""
    return tuple(at for at in sent_at if now - at < WITHIN)


def room_at(sent_at: Sequence[datetime], now: datetime) -> datetime:
    """When there is room for one."""
    counted = recent(sent_at, now)
    return counted[-MOST] + WITHIN if len(counted) >= MOST else now
