"""Access tokens that prove themselves: whoever knows the secret can tell one that it issued before.

A token is 32 letters and digits: when it was issued (8, milliseconds), a random part (6) and a
seal over both, the key and the user (18, some 107 bits). Nothing has to be stored, so a simulator that
was restarted still honours what it gave out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_VALUES: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_INSTANT, _RANDOM, _SEAL = 8, 6, 18
LENGTH: Final = _INSTANT + _RANDOM + _SEAL


@dataclass(frozen=True, slots=True)
class Mint:
    """Who the tokens are for, and the secret that seals them."""

    api_key: str
    user_id: str
    api_secret: str = field(repr=False)

    def issue(self, now: datetime) -> str:
        """A new token, unlike any other."""
        body = encode((now - _EPOCH) // timedelta(milliseconds=1), _INSTANT) + random_text(_RANDOM)
        return body + self._seal(body)

    def issued_at(self, token: str) -> datetime | None:
        """When this mint issued the token; `None` if it did not."""
        if len(token) != LENGTH or not _VALUES.keys() >= set(token):
            return None
        body, seal = token[:-_SEAL], token[-_SEAL:]
        if not hmac.compare_digest(seal, self._seal(body)):
            return None
        return min(_EPOCH + timedelta(milliseconds=decode(body[:_INSTANT])), _LATEST)

    def checksum(self, request_token: str) -> str:
        """What a client shows to prove that it knows the secret: SHA-256 of key, token and secret."""
        return hashlib.sha256(f"{self.api_key}{request_token}{self.api_secret}".encode()).hexdigest()

    def _seal(self, body: str) -> str:
        text = "\n".join((self.api_key, self.user_id, body)).encode()
        digest = hmac.digest(self.api_secret.encode(), text, "sha256")
        return encode(int.from_bytes(digest), _SEAL)


def random_text(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def encode(number: int, length: int) -> str:
    """The lowest `length` digits of `number` in base 62."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def decode(text: str) -> int:
    number = 0
    for digit in text:
        number = number * 62 + _VALUES[digit]
    return number
