"""The headers of Standard Webhooks, by which a receiver knows who posted what, and when. Pure.

The specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a key, by the specification."""

EXPECTED = f"expected {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64, such as: openssl rand -base64 32"


def parse_key(secret: str) -> bytes:
    """The key in a text such as `whsec_…`. Raises `ValueError`, which does not show it."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(EXPECTED) from None
    if not secret.startswith(PREFIX) or not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(EXPECTED)
    return key


def sign(keys: Iterable[bytes], notice_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers for one attempt: the id stays from attempt to attempt, the time does not.

    There is a signature by each key; a receiver takes the post if any of them is right.
    """
    timestamp = str(int(now.timestamp()))
    signed = f"{notice_id}.{timestamp}.".encode() + body
    signatures = [b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    headers = {"webhook-id": notice_id, "webhook-timestamp": timestamp}
    if signatures:
        headers["webhook-signature"] = " ".join(f"v1,{signature}" for signature in signatures)
    return headers
