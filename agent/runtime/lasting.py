"""Runs the agent on an event loop that outlives a plugin's exit, and ends though a plugin will not."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)

PATIENCE_S = 2.0
"""So long do tasks and threads have to end after the agent has; it has closed all its files by then."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`. A `SystemExit` that a timer or a callback raises is logged, and the loop goes on.

    The signals that end the agent are handled on the loop, so a `KeyboardInterrupt` within it
    is no person's.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(main, name="agent")
    try:
        _turn(loop, task)
    finally:
        _cancel_the_rest(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


def _turn(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    while True:
        try:
            return loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt):
            if task.done():
                raise
            log.exception("a callback would have ended the agent, which goes on")


def _cancel_the_rest(loop: asyncio.AbstractEventLoop) -> None:
    """`asyncio.run` would wait for ever for a task that ignores its cancel."""
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if not rest:
        return
    _, stubborn = loop.run_until_complete(asyncio.wait(rest, timeout=PATIENCE_S))
    for task in stubborn:
        log.warning("%s ignores that it was cancelled, and is left behind", task.get_name())
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def leave_blocked_threads() -> None:
    """End the program, if a thread of a plugin's blocks: the interpreter would wait for it for ever."""
    blocked = [one for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    for thread in blocked:
        thread.join(PATIENCE_S)
    if not any(thread.is_alive() for thread in blocked):
        return
    log.warning("%s do not end, and are left behind", ", ".join(thread.name for thread in blocked))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
