"""How one notifier stands: what it delivered, what it gave up, whether it fails, and what it remarks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from agent.health.document import NotifierPart

log = logging.getLogger(__name__)

PATIENCE = 5
"""After so many failures in a row the receiver is tried with one letter at a time."""


class Standing:
    """Counts of one run; `changed` hears of each edge, which is one line of the log."""

    def __init__(self, name: str, kind: str, changed: Callable[[], None]) -> None:
        self.name = name
        self.kind = kind
        self.remark: str | None = None
        """The first word of the notifier on what an operator should see to. It stays: that is
        mended by another configuration, and a remark that came and went with each notice would be
        told by notices of its own."""
        self._changed = changed
        self._failures = 0
        self._delivered = 0
        self._dead = 0
        self._error: str | None = None

    @property
    def is_failing(self) -> bool:
        return self._error is not None

    @property
    def is_out_of_patience(self) -> bool:
        return self._failures >= PATIENCE

    def begin_anew(self, kind: str) -> None:
        """Another notifier has taken its place: it neither fails nor has said anything yet."""
        self.kind, self.remark, self._failures, self._error = kind, None, 0, None

    def arrived(self) -> None:
        self._delivered += 1
        self._failures = 0
        if self._error is not None:
            self._error = None
            log.info("notifier %s delivers again", self.name)
            self._changed()

    def failed(self, error: str, *, is_passing: bool) -> None:
        """An attempt failed; one that is not passing says nothing of the next."""
        self._failures += is_passing
        first, self._error = self._error is None, error
        if first:
            log.warning("notifier %s fails: %s", self.name, error)
            self._changed()

    def gave_up(self) -> None:
        self._dead += 1

    def remarked(self, remark: str) -> None:
        if self.remark is None:
            self.remark = remark
            log.warning("notifier %s: %s", self.name, remark)
            self._changed()

    def describe(self, waiting: int, oldest_at: datetime | None) -> NotifierPart:
        return NotifierPart(
            name=self.name,
            kind=self.kind,
            state="failing" if self.is_failing else "ok",
            delivered=self._delivered,
            waiting=waiting,
            oldest_at=oldest_at if self.is_failing else None,
            dead=self._dead,
            error=self._error,
        )
