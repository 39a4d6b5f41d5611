"""The silences as one JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agent.model import Silence

KEY = "core:silences"


def pack_silences(silences: Iterable[Silence]) -> str:
    return json.dumps([silence_body(one) for one in silences])


def silence_body(silence: Silence) -> dict[str, Any]:
    """A silence as JSON has it, also for the API."""
    body = {name: getattr(silence, name) for name in Silence.__dataclass_fields__}
    return {**body, "starts_at": silence.starts_at.isoformat(), "ends_at": silence.ends_at.isoformat()}


def unpack_silences(text: str | None) -> tuple[Silence, ...]:
    """The silences of a text; none for one that cannot be read."""
    try:
        return tuple(_silence(body) for body in json.loads(text or "[]"))
    except (ValueError, KeyError, TypeError):
        return ()


def _silence(body: dict[str, Any]) -> Silence:
    at = datetime.fromisoformat
    return Silence(**{**body, "starts_at": at(body["starts_at"]), "ends_at": at(body["ends_at"])})
