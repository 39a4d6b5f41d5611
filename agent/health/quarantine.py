"""Decides when a part of a plugin that keeps failing is set aside, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass

PATIENCE = 5
"""So many failures in a row are let pass; the last of them sets the part aside."""

FIRST_REST_S = 30.0
LONGEST_REST_S = 300.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How one part has fared: its failures in a row, the latest one, and until when it rests.

    Instants are monotonic seconds.
    """

    failures: int = 0
    why: str = ""
    until_s: float = 0.0

    @property
    def is_quarantined(self) -> bool:
        """Whether it is set aside; a trial at the end of each rest is part of that."""
        return self.failures >= PATIENCE

    def rest_s(self, now_s: float) -> float:
        """How long it is still left alone, in seconds."""
        return max(0.0, self.until_s - now_s)


GOOD = Standing()
"""Nothing is held against it."""


def fail(standing: Standing, why: str, now_s: float) -> Standing:
    """After one more failure; from the fifth on, each one doubles the rest before the next trial."""
    failures = standing.failures + 1
    beyond = failures - PATIENCE
    rest_s = min(FIRST_REST_S * 2**beyond, LONGEST_REST_S) if beyond >= 0 else 0.0
    return Standing(failures, why, now_s + rest_s)
