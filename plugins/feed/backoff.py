"""How long to wait before the next attempt: exponential, with full jitter, without end."""

from __future__ import annotations

from dataclasses import dataclass

_STEEPEST = 30  # doublings; beyond, only the cap matters


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pauses between attempts, in seconds.

    `first` doubles up to `cap` while something is expected of the feed; `quiet` is the pause
    while nothing is.
    """

    first: float = 1.0
    cap: float = 30.0
    quiet: float = 300.0


def pause_after(backoff: Backoff, failures: int, draw: float, *, quiet: bool) -> float:
    """Seconds until the next attempt, after so many failures in a row; `draw` is from 0 to 1.

    With no failure behind, the attempt is made at once: one agent makes no storm, and the
    server that drops all its clients sees ours spread from the second attempt on. Full jitter
    is the kindest to a server that comes back
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    if quiet:
        return backoff.quiet * (1 + draw) / 2
    if failures == 0:
        return 0.0
    return draw * ceiling(backoff, failures)


def ceiling(backoff: Backoff, failures: int) -> float:
    """The longest that a pause after so many failures can be, while something is expected."""
    doublings = min(max(failures, 1) - 1, _STEEPEST)
    return min(backoff.cap, backoff.first * 2.0**doublings)
