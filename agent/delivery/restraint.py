"""What holds back the letters of one notifier for a while; it decides, and is told what was done."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.delivery import pace as paces
from agent.delivery import storm
from agent.delivery.storm import Course

Recipient = str | None


class Restraint:
    """The receiver's pace, each recipient's pause, and how much each was told of late.

    `spares` says that people read what is sent, who are not to be flooded.
    """

    def __init__(self, pace: timedelta | None, *, spares: bool) -> None:
        self._pace = pace
        self._spares = spares
        self._full_at: datetime | None = None
        self._paused_until: dict[Recipient, datetime] = {}
        self._sent: dict[Recipient, tuple[datetime, ...]] = {}

    def pause(self, recipient: Recipient, until: datetime) -> None:
        """Nothing goes there before; a shorter pause does not end a longer one."""
        self._paused_until[recipient] = max(until, self._paused_until.get(recipient, until))

    def sent(self, recipient: Recipient, now: datetime) -> None:
        """A message goes to a recipient, or went; in order."""
        if self._pace is not None:
            self._full_at = paces.take(self._full_at or now, self._pace, now)
        self._sent[recipient] = (*self._sent.get(recipient, ()), now)[-storm.MOST :]

    def open_at(self, now: datetime) -> datetime:
        """From when on the receiver may be told anything at all."""
        if self._pace is None or self._full_at is None:
            return now
        return max(now, paces.free_at(self._full_at, self._pace))

    def free_at(self, recipient: Recipient, now: datetime) -> datetime:
        """From when on one recipient may be told something; another one need not wait for that."""
        room_at = storm.room_at(self._sent.get(recipient, ()), now) if self._spares else now
        return max(now, room_at, self._paused_until.get(recipient, now))

    def course(self, recipient: Recipient, due: int, now: datetime) -> Course:
        """What is done about the letters that are due to one recipient."""
        return storm.course(self._sent.get(recipient, ()), due, now) if self._spares else Course.SEND

    def shift(self, step: timedelta) -> None:
        """Follow a step of the wall clock."""
        self._full_at = self._full_at + step if self._full_at is not None else None
        self._paused_until = {who: until + step for who, until in self._paused_until.items()}
        self._sent = {who: tuple(at + step for at in sent) for who, sent in self._sent.items()}
