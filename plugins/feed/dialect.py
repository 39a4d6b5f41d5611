"""What a transport must know of a broker's protocol, and what is counted while frames come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(slots=True)
class Tally:
    """What came in; counted in place, because this is the hot path.

    `packets`, `stamps` and `heard_at` gather until they are told to the watchdog; `frames`,
    `total_packets` and `malformed` count from the start. `unanswered` are the subscriptions
    for which nothing has come yet, `looks` the frames that are still to be looked through for
    all of them. `said` is what the broker last said to people.
    """

    packets: int = 0
    stamps: dict[int, float] = field(default_factory=dict)
    heard_at: float | None = None
    frames: int = 0
    total_packets: int = 0
    malformed: int = 0
    said: str = ""
    unanswered: dict[int, str] = field(default_factory=dict)
    looks: int = 0


class Dialect(Protocol):
    """One broker's way to speak over a WebSocket.

    `canaries` and `instruments` are tokens with their names; the canaries are among the
    instruments.
    """

    canaries: Mapping[int, str]
    instruments: Mapping[int, str]
    headers: Mapping[str, str]

    def address(self, secret: str) -> str:
        """Where to connect, the secret included: it must not be logged."""
        ...

    def subscriptions(self) -> Sequence[str]:
        """The texts that subscribe to everything."""
        ...

    def read(self, frame: bytes | str, tally: Tally) -> None:
        """Count one frame; never raises, whatever it holds."""
        ...
