"""The fence around a plugin's calls: whatever they raise is an ordinary error to the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

from agent.text import plain

R = TypeVar("R")


class EscapeError(Exception):
    """Stands for what would have cost more than its plugin: `SystemExit` and its like."""


async def fenced(call: Awaitable[R]) -> R:
    """Await a plugin's call. Only a cancel that somebody asked for passes as one."""
    try:
        return await call
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise EscapeError("CancelledError, though nobody had cancelled it") from error
    except Exception:
        raise
    except BaseException as error:
        raise EscapeError(in_words(error)) from error


def called(call: Callable[[], R]) -> R:
    """Call into a plugin, now."""
    try:
        return call()
    except Exception:
        raise
    except BaseException as error:
        raise EscapeError(in_words(error)) from error


class Contained(Coroutine[Any, Any, R]):
    """What a plugin has started by itself; an exit in it would end the event loop, and becomes an error."""

    def __init__(self, inner: Coroutine[Any, Any, R]) -> None:
        self._inner = inner

    def send(self, value: Any) -> Any:
        return self._step(lambda: self._inner.send(value))

    def throw(self, *error: Any) -> Any:
        return self._step(lambda: self._inner.throw(*error))

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, R]:
        raise TypeError("a task awaits it, and nobody else")

    @staticmethod
    def _step(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except (SystemExit, KeyboardInterrupt) as error:
            raise EscapeError(in_words(error)) from error


def in_words(error: BaseException) -> str:
    """The error in one line, even one that cannot show itself."""
    if isinstance(error, EscapeError):
        return str(error)
    name = type(error).__name__
    try:
        text = plain(str(error))
    except BaseException:  # noqa: BLE001 - a `__str__` of a plugin's is its code as well
        text = "it cannot be shown"
    return f"{name}: {text}" if text else name
