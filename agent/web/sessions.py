"""Page sessions: what lets a page do what its person may; only digests of their cookies are kept."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agent.abilities import KeyValue
from agent.clock import Clock
from agent.web.digests import digest

IDLE = timedelta(hours=1)
"""A session ends so long after its last request; while a request runs, an open stream say, it goes on."""

LIFE = timedelta(hours=12)
"""And so long after its beginning in any case."""

LIMIT = 1_000
KEPT = 400
"""So many outlive the agent, the latest: a value of the store is bounded."""

KEY = "sessions"


@dataclass(frozen=True, slots=True)
class _Session:
    ends_at: datetime
    seen_at: datetime
    running: int = 0
    is_used: bool = False

    def holds(self, now: datetime) -> bool:
        return now < self.ends_at and (self.running > 0 or now < self.seen_at + IDLE)


class Sessions:
    """The sessions that hold. They outlive the agent in `kept`, as digests and their ends.

    Only those that were used are kept: whoever fetches the page without a browser, a monitor say,
    leaves one each time and never comes back to it.
    """

    def __init__(self, clock: Clock, kept: KeyValue) -> None:
        self._clock = clock
        self._kept = kept
        self._sessions = self._former(clock.now())

    def open(self) -> str:
        """Begin a session; returns the value of its cookie, which is kept nowhere."""
        now = self._clock.now()
        if len(self._sessions) >= LIMIT:
            self._make_room(now)
        cookie = secrets.token_urlsafe(32)
        self._sessions[digest(cookie).hex()] = _Session(now + LIFE, now)
        return cookie

    def find(self, cookie: str | None) -> str | None:
        """The key of the session of a cookie, which thereby goes on; `None` where none holds."""
        if cookie is None:
            return None
        key, now = digest(cookie).hex(), self._clock.now()
        session = self._sessions.get(key)
        if session is None or not session.holds(now):
            return None
        self._sessions[key] = replace(session, seen_at=now, is_used=True)
        if not session.is_used:
            self._keep()
        return key

    def end(self, key: str) -> None:
        """Log out."""
        if self._sessions.pop(key, None) is not None:
            self._keep()

    def _make_room(self, now: datetime) -> None:
        """Those that have ended go, and else the first that was never used, or the first of all."""
        self._sessions = {key: one for key, one in self._sessions.items() if one.holds(now)}
        if len(self._sessions) >= LIMIT:
            unused = (key for key, one in self._sessions.items() if not one.is_used)
            self._sessions.pop(next(unused, None) or next(iter(self._sessions)))

    @contextmanager
    def running(self, key: str) -> Iterator[None]:
        """While a request of a session runs, the session does not go idle."""
        self._count(key, +1)
        try:
            yield
        finally:
            self._count(key, -1)

    def _count(self, key: str, step: int) -> None:
        session = self._sessions.get(key)
        if session is not None:
            self._sessions[key] = replace(session, running=session.running + step, seen_at=self._clock.now())

    def _keep(self) -> None:
        used = {key: one.ends_at.isoformat() for key, one in self._sessions.items() if one.is_used}
        self._kept.put(KEY, json.dumps(dict(list(used.items())[-KEPT:])))

    def _former(self, now: datetime) -> dict[str, _Session]:
        """The sessions of a former run; none where they cannot be read."""
        try:
            ends: dict[str, str] = json.loads(self._kept.get(KEY) or "{}")
            found = {
                key: _Session(datetime.fromisoformat(end), now, is_used=True) for key, end in ends.items()
            }
            return {key: one for key, one in found.items() if one.ends_at <= now + LIFE and one.holds(now)}
        except (ValueError, TypeError, AttributeError):
            return {}
