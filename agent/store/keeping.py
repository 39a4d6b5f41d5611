"""How long the journal keeps what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

SIGHT = timedelta(days=400)
"""So far back is looked for the availability of a feed; what that needs is never kept for less."""

SEEN = frozenset({"machine", "action", "incident"})
"""The subjects of the transitions that it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Before which instants, as texts that the file's can be compared with, what may go.

    `max_bytes` is what the rows and indexes may take up; beyond it the oldest go earlier.
    """

    history: str
    notices: str
    reports: str
    sight: str
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long transitions and incidents, notices, and reports are kept, and how much of all."""

    history: timedelta
    notices: timedelta
    reports: timedelta
    max_bytes: int

    def limits(self, now: datetime) -> Limits:
        def before(age: timedelta) -> str:
            return (now - age).astimezone(UTC).isoformat()

        return Limits(
            history=before(self.history),
            notices=before(self.notices),
            reports=before(self.reports),
            sight=before(max(self.history, SIGHT)),
            max_bytes=self.max_bytes * 19 // 20,  # room for what comes until the next time
        )


@dataclass(frozen=True, slots=True)
class Past:
    """Chooses among transitions, read from the oldest, those that may go for their age.

    What belongs to an incident that is kept stays, and so does each machine's last state of a time
    out of sight: it may hold until today.
    """

    limits: Limits
    _last_state: dict[str, int] = field(default_factory=dict)

    def choose(self, rows: Iterable[Sequence[Any]]) -> Iterator[int]:
        """Of rows of id, instant, subject, name, and whether its incident is kept: the ids."""
        for id_, at, subject, name, is_kept in rows:
            if at >= (self.limits.sight if subject in SEEN else self.limits.history):
                continue
            if subject == "machine":
                yield from self._follow(name, id_, is_kept)
            elif not is_kept:
                yield id_

    def _follow(self, machine: str, id_: int, is_kept: bool) -> Iterator[int]:
        """This is the machine's last state now, and the former may go."""
        former = self._last_state.pop(machine, None)
        if former is not None:
            yield former
        if not is_kept:
            self._last_state[machine] = id_
