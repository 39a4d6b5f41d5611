"""Bounds what a machine may write into the log: a burst passes, of a flood a line now and then, counted."""

from __future__ import annotations

import logging
import threading

from agent.clock import Clock

BURST = 200
PER_S = 5.0


class Pace(logging.Filter):
    """A bucket of tokens, one a line. The line after a gap says how many are missing."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._tokens = float(BURST)
        self._counted_s = clock.monotonic()
        self._missing = 0
        self._counting = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        with self._counting:
            now_s = self._clock.monotonic()
            self._tokens = min(BURST, self._tokens + (now_s - self._counted_s) * PER_S)
            self._counted_s = now_s
            if self._tokens < 1:
                self._missing += 1
                return False
            self._tokens -= 1
            missing, self._missing = self._missing, 0
        if missing:
            record.msg, record.args = f"{record.getMessage()} ({missing} lines before it are left out)", ()
        return True


def paced(logger: logging.Logger, clock: Clock) -> logging.Logger:
    """The logger at a bounded pace, in place of a former one."""
    logger.filters[:] = [one for one in logger.filters if not isinstance(one, Pace)]
    logger.addFilter(Pace(clock))
    return logger
