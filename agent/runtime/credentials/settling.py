"""Decides when what was read from a source counts: a file in the middle of a write is no news."""

from __future__ import annotations

from dataclasses import dataclass, field

VALUE_CALM_S = 0.05
"""A new value counts once it was read twice, this long apart."""

LOSS_CALM_S = 1.0
"""A value that is gone, or cannot be read, counts once that has lasted so long."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at a source gave: a value, nothing, or trouble."""

    value: str | None = field(default=None, repr=False)
    trouble: str = ""

    @property
    def calm_s(self) -> float:
        """How long it must have stayed the same to count."""
        return LOSS_CALM_S if self.value is None else VALUE_CALM_S


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reading that does not count yet, and the monotonic second of its first sight."""

    reading: Reading
    since_s: float

    def wait_s(self, now_s: float) -> float:
        """How long until it counts; 0 or less when it does."""
        return self.since_s + self.reading.calm_s - now_s


def consider(former: Candidate | None, reading: Reading, now_s: float) -> Candidate:
    """The candidate after a look: the former one if the source still says the same."""
    if former is not None and former.reading == reading:
        return former
    return Candidate(reading, now_s)
