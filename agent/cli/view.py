"""What a watcher knows of an agent: its latest document, its time, and whether it may still be believed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

RENEWAL_SLACK = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class View:
    """The agent's clock is told by the latest instant that it sent, and what has passed here since."""

    url: str
    document: dict[str, Any] | None = None
    valid_until: datetime | None = None
    stamp: datetime | None = None
    heard_s: float = 0.0
    link: str | None = None
    trouble: str = ""

    def now(self, monotonic: float) -> datetime:
        """The agent's time; that of the epoch while nothing was heard."""
        if self.stamp is None:
            return datetime.fromtimestamp(0, UTC)
        return self.stamp + timedelta(seconds=monotonic - self.heard_s)

    def is_live(self, monotonic: float) -> bool:
        """Whether what was heard may be believed."""
        return self.valid_until is not None and self.now(monotonic) <= self.valid_until

    def takes(self, document: dict[str, Any], monotonic: float) -> View:
        """With a document; its stamp may be older than the agent's time by a renewal."""
        told = replace(
            self,
            document=document,
            valid_until=datetime.fromisoformat(document["valid_until"]),
            trouble="",
        )
        stamp = datetime.fromisoformat(document["generated_at"])
        lag = self.now(monotonic) - stamp
        if self.stamp is not None and timedelta(0) <= lag < RENEWAL_SLACK:
            return told
        return replace(told, stamp=stamp, heard_s=monotonic)

    def refreshed(self, stamps: dict[str, Any], monotonic: float) -> View:
        """With the word that the agent lives and nothing has changed."""
        return replace(
            self,
            valid_until=datetime.fromisoformat(stamps["valid_until"]),
            stamp=datetime.fromisoformat(stamps["now"]),
            heard_s=monotonic,
            trouble="",
        )
