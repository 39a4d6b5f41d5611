"""Who is logged in: request tokens on their way to the exchange, and access tokens that still hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from agent.simulator.hours import flush_after
from agent.simulator.tokens import Mint, random_text

REQUEST_TOKEN_LIFE: Final = timedelta(minutes=5)
"""The broker's own words are "a few minutes"."""


class Ending(StrEnum):
    """Why tokens were ended by command; to the client both look alike, as they do at the broker."""

    REVOKE = "revoke"
    EXPIRE = "expire"


class Sessions:
    """What the broker knows of its one user's tokens.

    A token that this process never saw is honoured if the mint issued it, until a login that ends
    the former session, or an order to end them all.
    """

    def __init__(self, mint: Mint, *, single_session: bool = False) -> None:
        self.logins = 0
        self.last_ending: Ending | None = None
        self._mint = mint
        self._single_session = single_session
        self._requests: dict[str, datetime] = {}
        self._issued: set[str] = set()
        self._ended: set[str] = set()
        self._honours_earlier = True

    def approve(self, now: datetime) -> str:
        """A request token, for the user who has just said yes."""
        self._requests = {token: at for token, at in self._requests.items() if _is_fresh(at, now)}
        token = random_text(32)
        self._requests[token] = now
        return token

    def spend(self, request_token: str, now: datetime) -> bool:
        """Take the request token, once; false if there is none such, or no longer."""
        approved_at = self._requests.pop(request_token, None)
        return approved_at is not None and _is_fresh(approved_at, now)

    def login(self, now: datetime) -> str:
        """A new access token."""
        if self._single_session:
            self._end_all()
        self._issued = {token for token in self._issued if self.is_alive(token, now)}
        token = self._mint.issue(now)
        self._issued.add(token)
        self.logins += 1
        self.last_ending = None
        return token

    def logout(self, token: str) -> None:
        self._issued.discard(token)
        self._ended.add(token)

    def end_all(self, ending: Ending) -> None:
        """Every token issued until now is dead from here on."""
        self._end_all()
        self.last_ending = ending

    def is_alive(self, token: str, now: datetime) -> bool:
        issued_at = self._mint.issued_at(token)
        if issued_at is None or now >= flush_after(issued_at):
            return False
        return token in self._issued or (self._honours_earlier and token not in self._ended)

    def describe(self, now: datetime) -> dict[str, object]:
        """For the control API: what is alive, and since when; never a token."""
        alive = [token for token in self._issued if self.is_alive(token, now)]
        issued = sorted(at for at in map(self._mint.issued_at, alive) if at is not None)
        return {
            "logins": self.logins,
            "alive": [
                {"issued_at": at.isoformat(), "expires_at": flush_after(at).isoformat()} for at in issued
            ],
            "honours_earlier_tokens": self._honours_earlier,
            "last_ending": self.last_ending,
            "pending_request_tokens": sum(_is_fresh(at, now) for at in self._requests.values()),
        }

    def _end_all(self) -> None:
        self._issued.clear()
        self._ended.clear()
        self._honours_earlier = False


def _is_fresh(approved_at: datetime, now: datetime) -> bool:
    return now - approved_at < REQUEST_TOKEN_LIFE
