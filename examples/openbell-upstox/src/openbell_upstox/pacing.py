"""How long to wait before the next stream: longer each time in a row, and as long as Upstox wishes."""

from __future__ import annotations

from .pulse import Reason
from .stream import Refusal

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
RATE_LIMIT_PAUSE_S = 30.0


def pause_s(failures: int, draw: float, refusal: Refusal | None = None) -> float:
    """The wait after so many failures in a row; the draw of 0 to 1 keeps a desk's feeds apart."""
    if refusal is not None and refusal.retry_after_s is not None:
        return refusal.retry_after_s
    if refusal is not None and refusal.reason is Reason.RATE_LIMITED:
        return RATE_LIMIT_PAUSE_S
    if failures == 0:
        return 0.0
    full = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
    return full * (0.5 + draw / 2)
