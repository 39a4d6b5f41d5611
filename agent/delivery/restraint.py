"""What holds back the letters of one notifier for a while; it decides, and is told what was done."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.delivery import pace as paces
from agent.delivery import storm
from agent.delivery.storm import Course

Recipient = str | None


class Restraint:
    """A pause that the receiver wants, its pace, and how much each recipient was told of late."""

    def __init__(self, pace: timedelta | None) -> None:
        self._pace = pace
        self._full_at: datetime | None = None
        self._paused_until: datetime | None = None
        self._sent: dict[Recipient, tuple[datetime, ...]] = {}

    def pause(self, until: datetime) -> None:
        if self._paused_until is None or until > self._paused_until:
            self._paused_until = until

    def sent(self, recipient: Recipient, now: datetime) -> None:
        """A message goes to a recipient, or went; in order."""
        if self._pace is not None:
            self._full_at = paces.take(self._full_at or now, self._pace, now)
        self._sent[recipient] = (*self._sent.get(recipient, ()), now)[-storm.MOST :]

    def open_at(self, now: datetime) -> datetime:
        """From when on the receiver may be told anything at all."""
        opens = [now]
        if self._paused_until is not None:
            opens.append(self._paused_until)
        if self._pace is not None and self._full_at is not None:
            opens.append(paces.free_at(self._full_at, self._pace))
        return max(opens)

    def course(self, recipient: Recipient, due: int, now: datetime) -> Course:
        return storm.course(self._sent.get(recipient, ()), due, now)

    def room_at(self, recipient: Recipient, now: datetime) -> datetime:
        """From when on one recipient may be told something; now, unless there was much of late."""
        return storm.room_at(self._sent.get(recipient, ()), now)

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        if self._paused_until is not None:
            self._paused_until += step
        if self._full_at is not None:
            self._full_at += step
        self._sent = {who: tuple(at + step for at in sent) for who, sent in self._sent.items()}
