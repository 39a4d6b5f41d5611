"""Lets a machine's pushes in at a bounded pace: a burst passes, of a flood the latest one now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from agent.clock import Clock

T = TypeVar("T")

BURST = 20
PER_S = 2.0


class Inlet(Generic[T]):
    """A bucket of tokens, one a push. What finds none waits for the next token, and the latest wins."""

    def __init__(self, clock: Clock, take: Callable[[T], None]) -> None:
        self.merged = 0
        self._clock = clock
        self._take = take
        self._tokens = float(BURST)
        self._counted_s = clock.monotonic()
        self._waiting: list[T] = []

    def put(self, value: T) -> None:
        """Take it now, or in its turn."""
        if self._waiting:
            self.merged += 1
            self._waiting[0] = value
            return
        self._refill()
        if self._tokens >= 1:
            self._tokens -= 1
            self._take(value)
            return
        self._waiting.append(value)
        self._clock.call_later((1 - self._tokens) / PER_S, self._let_in)

    def charge(self, tokens: float) -> None:
        """Let what was taken in count for more than one."""
        self._tokens -= tokens

    def _refill(self) -> None:
        now_s = self._clock.monotonic()
        self._tokens = min(BURST, self._tokens + (now_s - self._counted_s) * PER_S)
        self._counted_s = now_s

    def _let_in(self) -> None:
        self._refill()
        self._tokens -= 1
        self._take(self._waiting.pop())
