"""A value that its owner sets and others may watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from agent.fence import called

log = logging.getLogger(__name__)

T = TypeVar("T")


class Watched(Generic[T]):
    """One value and those who want to know when it changes.

    Belongs to the event loop's thread. Setting an equal value is no change. A subscriber is
    called at once, in the order of subscription, and must not block; what it raises is logged
    and costs neither the others nor whoever sets the value.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self._subscribers: dict[object, Callable[[T], None]] = {}

    def __repr__(self) -> str:
        return f"Watched({self._value!r})"

    @property
    def value(self) -> T:
        return self._value

    def set(self, value: T) -> None:
        if value == self._value:
            return
        self._value = value
        for key, tell in tuple(self._subscribers.items()):
            if key in self._subscribers:
                _tell(tell, value)

    def subscribe(self, tell: Callable[[T], None]) -> Callable[[], None]:
        """Have `tell` called with each new value; returns what ends the subscription."""
        key = object()
        self._subscribers[key] = tell

        def unsubscribe() -> None:
            self._subscribers.pop(key, None)

        return unsubscribe

    async def until(self, holds: Callable[[T], bool]) -> T:
        """Wait for a value that `holds`; returns it, at once if the present one does."""
        if holds(self._value):
            return self._value
        found: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def look(value: T) -> None:
            if found.done():
                return
            try:
                if called(lambda: holds(value)):
                    found.set_result(value)
            except Exception as error:  # noqa: BLE001 - it is the waiter's, and raised for the waiter
                found.set_exception(error)

        unsubscribe = self.subscribe(look)
        try:
            return await found
        finally:
            unsubscribe()


def _tell(tell: Callable[[T], None], value: T) -> None:
    try:
        called(lambda: tell(value))
    except Exception:
        log.exception("somebody who was told of a new value failed")
