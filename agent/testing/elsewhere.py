"""An event loop in a thread of its own: what runs there is answered even while a plugin blocks ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_S = 5.0


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
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        if not self._thread.is_alive():
            self._loop.close()
