"""What the simulated Upstox has given out: codes, tokens and addresses, and when each ends."""

from __future__ import annotations

import secrets
from datetime import datetime

from ..expiry import next_end


class Tokens:
    """Codes and addresses serve once; a token lives until half past three."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._tokens: dict[str, datetime] = {}
        self._addresses: set[str] = set()

    def give_code(self, return_url: str) -> str:
        code = secrets.token_hex(4)
        self._codes[code] = return_url
        return code

    def exchange(self, code: str, return_url: str, now: datetime) -> str | None:
        """A token for a code; the code is spent, whatever comes of it."""
        if self._codes.pop(code, None) != return_url:
            return None
        return self.give(now)

    def give(self, now: datetime) -> str:
        """A token of this instant, which lives until the next end."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = next_end(now)
        return token

    def is_alive(self, token: str, now: datetime) -> bool:
        return token in self._tokens and now < self._tokens[token]

    def end_all(self) -> None:
        self._tokens.clear()

    def give_address(self) -> str:
        ticket = secrets.token_hex(8)
        self._addresses.add(ticket)
        return ticket

    def take_address(self, ticket: str) -> bool:
        """Whether it opens a stream; it does once."""
        known = ticket in self._addresses
        self._addresses.discard(ticket)
        return known
