"""Remembers starts that came to no proper end; after three of them strangers' plugins stay out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

WITHIN = timedelta(minutes=5)
LIMIT = 3
FILE = "unended-starts.json"


def recent(starts: Iterable[datetime], now: datetime) -> list[datetime]:
    """Those that still count; one from the future is of a clock that was wrong, and does not."""
    return [start for start in starts if now - WITHIN < start <= now]


class Starts:
    """The starts of one data folder. `begin` says why strangers stay out, if they do.

    A folder that cannot be read or written does not keep the agent from starting.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._path: Path | None = None
        self.refused: str | None = None

    def begin(self, folder: Path) -> str | None:
        """Count this start among those without an end."""
        self._path = folder / FILE
        unended = recent(_read(self._path), self._now)
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(self._path, [*unended[-LIMIT:], self._now])
        if len(unended) < LIMIT:
            return None
        minutes = int(WITHIN / timedelta(minutes=1))
        self.refused = (
            f"not loaded: the agent ended abruptly {len(unended)} times within {minutes} minutes; "
            "mend it or take it off [plugins] enable, then restart the agent"
        )
        return self.refused

    def end(self) -> None:
        """This start, and so whatever was before it, has come to a proper end."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)


def _read(path: Path) -> list[datetime]:
    try:
        found = [datetime.fromisoformat(text) for text in json.loads(path.read_text(encoding="ascii"))]
    except (OSError, ValueError, TypeError):
        return []
    return [one for one in found if one.tzinfo is not None]


def _write(path: Path, starts: list[datetime]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([start.isoformat() for start in starts]), encoding="ascii")
    partial.replace(path)
