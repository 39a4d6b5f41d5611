"""What the whole simulated broker shares: who it is, what time it is, what is broken, what was asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from agent.simulator.faults import Fault
from agent.simulator.hours import is_open, last_traded
from agent.simulator.instruments import segment_of
from agent.simulator.sessions import Sessions
from agent.simulator.tokens import Mint

NONE_SUCH: Final = "(unknown)"


@dataclass(slots=True)
class Broker:
    """The one mutable thing that REST, login page, stream and control API have in common."""

    mint: Mint
    sessions: Sessions
    now: Callable[[], datetime]
    redirect_url: str
    seed: int
    always_open: bool = False
    requests: Counter[str] = field(default_factory=Counter)
    rest_fault: Fault | None = None
    rest_fault_uses: int = 0
    rest_fault_over: asyncio.Event = field(default_factory=asyncio.Event)

    def second(self) -> int:
        return int(self.now().timestamp())

    def is_trading(self, token: int, second: int) -> bool:
        return self.always_open or is_open(segment_of(token), second)

    def last_traded(self, token: int, second: int) -> int:
        """The latest second of trade in the instrument, `second` itself at most."""
        return second if self.always_open else last_traded(segment_of(token), second)

    def knows(self, api_key: str, access_token: str) -> bool:
        """Whether these open the door."""
        return api_key == self.mint.api_key and self.sessions.is_alive(access_token, self.now())

    def break_rest(self, fault: Fault | None) -> None:
        """Put a fault in force, or clear it; whoever waits in the former one is let go at once."""
        self.rest_fault_over.set()
        self.rest_fault_over = asyncio.Event()
        self.rest_fault = fault
        self.rest_fault_uses = 0

    def use_up_rest_fault(self) -> None:
        """Count one request that the fault was done to; after `times` of them it is over."""
        self.rest_fault_uses += 1
        if self.rest_fault is not None and self.rest_fault_uses == self.rest_fault["times"]:
            self.rest_fault = None
