"""Has a blocking call made in a thread, one at a time, and gives up on it after a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec

from agent.api import Context
from plugins.auth.answers import Answer, Reply

P = ParamSpec("P")

PATIENCE_S = 8.0
"""Less than a probe's timeout, so that the machine itself says what happened."""


class Caller:
    """A call that was given up on is waited for before the next, so that threads cannot pile up."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._under_way: asyncio.Future[Reply] | None = None

    async def call(self, ask: Callable[P, Reply], *args: P.args, **kwargs: P.kwargs) -> Reply:
        """The broker's reply; that there was none in time is a reply as well."""
        if self._under_way is not None and not self._under_way.done():
            return Reply(answer=Answer.UNREACHABLE, finding="a former request has not ended yet")
        call = asyncio.ensure_future(self._context.in_thread(ask, *args, **kwargs))
        call.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._under_way = call
        try:
            async with self._context.clock.timeout(PATIENCE_S):
                return await asyncio.shield(call)
        except TimeoutError:
            return Reply(answer=Answer.UNREACHABLE, finding="no answer in time")
