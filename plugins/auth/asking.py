"""Decides when the broker is asked next: on its marks, at a steady pace, and never for a dead token."""

from __future__ import annotations

from dataclasses import dataclass

from plugins.auth.rollover import Rollover
from plugins.auth.token import Evidence, Moment

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
RATE_LIMIT_PAUSE_S = 60.0
LONGEST_WISHED_PAUSE_S = 3600.0
LEAST_GAP_S = 1.0
"""Between two requests for one token, whoever wants them: well below the broker's limit of 10 a second
(https://kite.trade/docs/connect/v3/exceptions/)."""

PROFILE = "profile"
"""The proof that asking gives."""


@dataclass(frozen=True, slots=True)
class Tries:
    """How the asking about one generation goes: the start of the last try, and what came of it.

    `failures` counts the tries in a row that brought no answer on the token. `is_wished` is
    somebody's wish to know now.
    """

    last_s: float | None = None
    failures: int = 0
    pause_s: float = 0.0
    is_wished: bool = False


def next_ask_s(
    evidence: Evidence | None, tries: Tries, rollover: Rollover, verify_every_s: float, now: Moment
) -> float | None:
    """The monotonic second of the next request, which may be past; `None` if there is none to make."""
    if evidence is None:
        return None
    if tries.failures and tries.last_s is not None:
        return None if _is_dead(evidence, tries) else tries.last_s + tries.pause_s
    if tries.is_wished:
        return now.s
    if evidence.refused_s is not None:
        return None
    asked_s = evidence.proofs.get(PROFILE)
    if asked_s is None or tries.last_s is None:
        return now.s
    mark = rollover.next_mark(now.instant(asked_s))
    return min(asked_s + verify_every_s, now.seconds(mark))


def _is_dead(evidence: Evidence, tries: Tries) -> bool:
    return evidence.refused_s is not None and not tries.is_wished


def pause_after(failures: int, *, rate_limited: bool, wished_s: float = 0.0) -> float:
    """How long to wait after so many failures; the broker's own wish is a floor, within reason."""
    pause = min(FIRST_PAUSE_S * 2.0 ** min(max(failures - 1, 0), 10), LONGEST_PAUSE_S)
    floor = RATE_LIMIT_PAUSE_S if rate_limited else 0.0
    return max(pause, floor, min(wished_s, LONGEST_WISHED_PAUSE_S))
