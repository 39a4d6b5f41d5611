"""The ids of incidents and notices: random, or derived from what they are about. Pure but for the dice.

Two agents that go on from the same snapshot, cut apart from each other, tell the same event under the same
derived id, so that it is known for the same wherever the two tales meet.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from agent.alerts.concerns import Key
from agent.model import NoticeReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Tale:
    """What a notice's id is of: why it is told and of what, and which one it is.

    `during` is the incident that is open, or was the last; `ordinal` counts the notices since that opened.
    `incident` is the one that the notice tells of, most often the same.
    """

    incident: str
    during: str
    ordinal: int
    reason: NoticeReason
    code: str
    group: str | None


class Ids(Protocol):
    """Gives ids; 32 hexadecimal digits each."""

    def incident(self, former: str | None, code: str, group: str | None, now: datetime) -> str:
        """Of an incident that opens now, `former` being the id of the one before."""
        ...

    def notice(self, tale: Tale, now: datetime) -> str:
        """Of a notice of an incident."""
        ...

    def reminder(self, key: Key, opens_at: datetime, left: timedelta) -> str:
        """Of the word that so much is left until a deadline before that open."""
        ...


class RandomIds:
    """Another one each time."""

    def incident(self, former: str | None, code: str, group: str | None, now: datetime) -> str:
        return uuid.uuid4().hex

    def notice(self, tale: Tale, now: datetime) -> str:
        return uuid.uuid4().hex

    def reminder(self, key: Key, opens_at: datetime, left: timedelta) -> str:
        return uuid.uuid4().hex


RANDOM = RandomIds()


def _first_era() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class DerivedIds:
    """The same for the same event of a desk, in whichever agent.

    An incident's id has its forerunner's in it, and a notice's its number, so none comes twice. The day is in
    both for the sake of an agent that goes on from a snapshot of another day, and tells other things anew.
    For the same reason there are eras: after a backup was put back, what is told next had its number before,
    and was something else.
    """

    desk: str
    era: Callable[[], int] = field(default=_first_era, compare=False)

    def incident(self, former: str | None, code: str, group: str | None, now: datetime) -> str:
        return self._of("incident", former, _day(now), code, group)

    def notice(self, tale: Tale, now: datetime) -> str:
        return self._of(
            "notice",
            tale.incident,
            tale.during,
            tale.ordinal,
            _day(now),
            tale.reason,
            tale.code,
            tale.group,
        )

    def reminder(self, key: Key, opens_at: datetime, left: timedelta) -> str:
        return self._of("reminder", *key, opens_at.astimezone(UTC).isoformat(), left.total_seconds())

    def _of(self, *what: str | float | None) -> str:
        return hashlib.sha256(json.dumps([self.desk, self.era(), *what]).encode()).hexdigest()[:32]


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
