"""The one-time states that tie a login's return to the browser that began it."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from agent.clock import Clock
from agent.web.digests import digest

LIFE_S = 600.0
LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Begun:
    """What a browser is given when a login begins: a state for the broker to return, and a cookie."""

    state: str
    cookie: str


@dataclass(frozen=True, slots=True)
class _Pending:
    machine: str
    cookie: bytes
    ends_at: float


class LoginStates:
    """Keeps digests only; each state is good once, for ten minutes, for one browser."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: dict[bytes, _Pending] = {}

    def begin(self, machine: str) -> Begun:
        now = self._clock.monotonic()
        self._pending = {key: one for key, one in self._pending.items() if one.ends_at > now}
        while len(self._pending) >= LIMIT:
            self._pending.pop(next(iter(self._pending)))
        begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        self._pending[digest(begun.state)] = _Pending(machine, digest(begun.cookie), now + LIFE_S)
        return begun

    def take(self, state: str, cookie: str) -> str | None:
        """The machine whose login this is, and the state is spent; `None` for any other state.

        A state that comes with another browser's cookie is left for its own.
        """
        pending = self._pending.get(digest(state))
        if pending is None or not hmac.compare_digest(pending.cookie, digest(cookie)):
            return None
        del self._pending[digest(state)]
        return pending.machine if pending.ends_at > self._clock.monotonic() else None
