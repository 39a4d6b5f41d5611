"""What of a process stays the same whoever owns the desk."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.clock import SystemClock
from agent.runtime.redaction import Redactor

if TYPE_CHECKING:
    from agent.runtime.reloading import Reloads


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Where the process is reached, its clock, its log, its signals."""

    clock: SystemClock
    listener: socket.socket
    base_url: str
    simulator: str | None
    redactor: Redactor | None
    reloads: Reloads | None
    alive: Callable[[], None]
