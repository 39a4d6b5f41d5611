"""An event loop in a thread of its own: what runs there is answered even while a plugin blocks ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


async def cut_off() -> None:
    """Cut every connection that this loop still has, so that none is left to be found by the collector."""
    # asyncio keeps a list of them, and has no public name for it.
    transports = getattr(asyncio.get_running_loop(), "_transports", {})
    for transport in list(transports.values()):
        transport.abort()
    for _ in range(3):
        await asyncio.sleep(0)


class Elsewhere:
    """One such loop, from `start` to `stop`."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Have it done there; the future may be waited for, or awaited when wrapped."""
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def stop(self) -> None:
        """End the loop; whatever ran there should have ended before."""
        self.submit(cut_off()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
