"""What a market can be in: the three states, why, and the finer phase that the exchange has a word for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.api import UNKNOWN, CoreReason


class State(StrEnum):
    """What a desk must reckon with; `UNKNOWN` where the calendar does not say."""

    PRE_OPEN = "PRE_OPEN"
    LIVE = "LIVE"
    CLOSED = "CLOSED"
    UNKNOWN = UNKNOWN


OPEN_STATES = frozenset({State.PRE_OPEN, State.LIVE})


class Reason(StrEnum):
    """Why the market is in its state."""

    SESSION = "SESSION"
    SPECIAL_SESSION = "SPECIAL_SESSION"
    WEEKEND = "WEEKEND"
    HOLIDAY = "HOLIDAY"
    AFTER_HOURS = "AFTER_HOURS"
    BEFORE_HOURS = "BEFORE_HOURS"
    BREAK = "BREAK"
    OUT_OF_CALENDAR = CoreReason.OUT_OF_CALENDAR


class Confidence(StrEnum):
    """How sure a fact is: `high` from the exchange or several sources, `medium` from one at second hand."""

    HIGH = "high"
    MEDIUM = "medium"


@dataclass(frozen=True, slots=True)
class Phase:
    """What holds over a stretch of time.

    `name` is the exchange's own phase (`pre_open`, `closing_auction`), `None` outside of all.
    `occasion` names the holiday or the special session of the day. `source` is where the fact
    is from, empty for what needs none, such as a weekend.
    """

    state: State
    reason: Reason
    name: str | None = None
    occasion: str = ""
    source: str = ""
    confidence: Confidence = Confidence.HIGH

    @property
    def is_open(self) -> bool:
        """Whether orders are taken: pre-open or live."""
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase and the time over which it holds, from `start` up to, not including, `end`."""

    start: datetime
    end: datetime
    phase: Phase
