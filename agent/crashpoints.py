"""Named places at which a test has the process end as if by `kill -9`; nothing at all otherwise.

`OPENBELL_CRASH=name:3` kills it at the third passing of the point `name`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

VARIABLE = "OPENBELL_CRASH"

POINTS = ("before-commit", "half-written", "committed", "claimed", "sent", "failed", "buried")
"""In the order in which a notice meets them."""


def _armed(wanted: str) -> Callable[[str], None]:
    name, _, count = wanted.partition(":")
    left = int(count or "1")

    def crashpoint(point: str) -> None:
        nonlocal left
        if point == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return crashpoint


def _nothing(point: str) -> None:
    """Pass."""


crashpoint: Callable[[str], None] = _armed(os.environ[VARIABLE]) if VARIABLE in os.environ else _nothing
