"""What is remembered of generations across restarts: when each was first seen, and which were refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from agent.abilities import KeyValue

KEPT = 8
"""How many generations are remembered; a former one may come back, and is known again."""

_KEY = "generation-key"


@dataclass(frozen=True, slots=True)
class Known:
    """One generation that was met."""

    generation: str
    first_seen: datetime
    refused_at: datetime | None = None
    refused_by: str = ""


class Memory:
    """The generations of one credential, the latest met last. Values themselves are never stored."""

    def __init__(self, name: str, store: KeyValue, key: bytes) -> None:
        self._slot = f"generations:{name}"
        self._store = store
        self._key = key
        self._known = {known.generation: known for known in _unpack(store.get(self._slot))}

    def generation_of(self, value: str) -> str:
        """The value's keyed hash: it tells values apart, and tells nothing of them."""
        return hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()[:16]

    def meet(self, generation: str, now: datetime) -> Known:
        """What is known of a generation, from now on if nothing was."""
        known = self._known.pop(generation, None)
        self._known[generation] = known or Known(generation, now)
        if known is None:
            self._keep()
        return self._known[generation]

    def refused(self, generation: str, at: datetime | None, by: str = "") -> None:
        """Remember that a generation was refused, or with `None` that it is not."""
        known = self._known.get(generation)
        if known is not None and (known.refused_at, known.refused_by) != (at, by):
            self._known[generation] = replace(known, refused_at=at, refused_by=by)
            self._keep()

    def _keep(self) -> None:
        self._known = dict(list(self._known.items())[-KEPT:])
        self._store.put(self._slot, json.dumps([_packed(known) for known in self._known.values()]))


def hash_key(store: KeyValue) -> bytes:
    """The key that makes generations; made once, so that they are the same after a restart."""
    kept = store.get(_KEY)
    try:
        key = bytes.fromhex(json.loads(kept)) if kept else b""
    except (ValueError, TypeError):
        key = b""
    if len(key) != 32:
        key = secrets.token_bytes(32)
        store.put(_KEY, json.dumps(key.hex()))
    return key


def _packed(known: Known) -> dict[str, str | None]:
    return {
        "generation": known.generation,
        "first_seen": known.first_seen.isoformat(),
        "refused_at": known.refused_at.isoformat() if known.refused_at else None,
        "refused_by": known.refused_by,
    }


def _unpack(text: str | None) -> list[Known]:
    """What a former run stored; what cannot be understood is forgotten."""
    try:
        return [
            Known(
                str(entry["generation"]),
                _instant(entry["first_seen"]),
                _instant(entry["refused_at"]) if entry["refused_at"] else None,
                str(entry["refused_by"]),
            )
            for entry in json.loads(text or "[]")
        ]
    except (ValueError, TypeError, KeyError):
        return []


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return instant
