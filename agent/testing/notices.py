"""What a notifier is handed and told in a test, and a notifier that keeps what it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from agent.abilities import KeyValue, NotifierContext, Surroundings
from agent.clock import Clock
from agent.model import Action, Incident, Notice, NoticeReason, NoticeType, Receipt, Severity
from agent.testing.clocks import MORNING, ManualClock
from agent.testing.memory import MemoryStore

if TYPE_CHECKING:
    import aiohttp

P = ParamSpec("P")
R = TypeVar("R")

_REASONS = {
    NoticeType.PROBLEM: NoticeReason.FIRST,
    NoticeType.RECOVERY: NoticeReason.RECOVERED,
    NoticeType.REMINDER: NoticeReason.REMINDER,
    NoticeType.TEST: NoticeReason.TEST,
}


class RecordingNotifier:
    """A notifier that keeps what it is told; set `error` to have it fail."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.error: Exception | None = None

    async def send(self, notice: Notice) -> Receipt:
        if self.error is not None:
            raise self.error
        self.notices.append(notice)
        return Receipt(status="recorded", id=str(len(self.notices)))


def notifier_context(
    name: str,
    session: Callable[[], aiohttp.ClientSession],
    clock: Clock | None = None,
    store: KeyValue | None = None,
) -> NotifierContext:
    """What a notifier under test is handed; give two of them one `store` to see a restart."""
    surroundings = Surroundings("test", Path(), "http://127.0.0.1:8000")
    return NotifierContext(
        name,
        clock or ManualClock(),
        logging.getLogger(f"test.{name}"),
        surroundings,
        session,
        store if store is not None else MemoryStore(),
        _in_thread,
    )


async def _in_thread(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.to_thread(call, *args, **kwargs)


def make_notice(type: NoticeType = NoticeType.PROBLEM, **changes: object) -> Notice:  # noqa: A002 - its name
    """A notice as the agent sends it, with whatever is to be otherwise."""
    since = MORNING - timedelta(minutes=10)
    values: dict[str, object] = {
        "id": f"0f3c8a6d5b2e4a719c1d7e8f90ab{list(NoticeType).index(type):04x}",
        "type": type,
        "reason": _REASONS[type],
        "code": "AUTH_REQUIRED",
        "severity": Severity.OK if type is NoticeType.RECOVERY else Severity.CRITICAL,
        "message": "The access token has ended: log in",
        "since": since,
        "created_at": MORNING,
        "agent": "test",
        "incident": Incident(id="0f3c8a6d5b2e4a719c1d7e8f90abcdef", opened_at=since),
        "machines": ({"name": "auth", "state": "REQUIRED", "reason": "ROLLOVER", "message": "ended"},),
        "action": Action(kind="login", label="Log in", href="/api/auth/login"),
        "duration": timedelta(minutes=10) if type is NoticeType.RECOVERY else None,
        "document": {"status": "fail", "code": "AUTH_REQUIRED", "severity": "critical"},
    }
    return Notice(**(values | changes))  # type: ignore[arg-type]
