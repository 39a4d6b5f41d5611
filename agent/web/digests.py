"""What is kept of a secret that is only ever compared: its digest."""

from __future__ import annotations

import hashlib
import hmac

PREFIX = "sha256:"
"""Begins a token that `agent.toml` has as its digest only, in hexadecimal digits."""


def digest(secret: str) -> bytes:
    """The SHA-256 of a secret. Those that we make have 256 random bits, so that no salt is wanted."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def digest_of_configured(value: str) -> bytes:
    """The digest of a token as it stands in `agent.toml`, itself or as its digest."""
    if value.startswith(PREFIX):
        return bytes.fromhex(value.removeprefix(PREFIX))
    return digest(value)


def is_same(presented: bytes, known: bytes) -> bool:
    """Whether two digests agree, in a time that does not tell how far they do."""
    return hmac.compare_digest(presented, known)
