"""What a fault of the stream means: who still gets what, and which instant packets speak of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from agent.simulator.faults import Fault, FeedFault, RestFault


class Conduct(NamedTuple):
    """What a connection still gets."""

    beats: bool = True
    ticks: bool = True
    answers: bool = True
    reads: bool = True


WELL: Final = Conduct()
CONDUCTS: Final[Mapping[FeedFault | RestFault, Conduct]] = {
    FeedFault.STALL: Conduct(beats=False, ticks=False, answers=False),
    FeedFault.MUTE: Conduct(ticks=False),
    FeedFault.HALF_OPEN: Conduct(beats=False, ticks=False, answers=False, reads=False),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """The fault in force, if any, and the number of the last connection that was open when it came."""

    fault: Fault | None = None
    last_before: int = 0

    def conduct(self, connection: int) -> Conduct:
        """What the connection of that number gets; those opened later may be spared."""
        fault = self.fault
        if fault is None or (usual := CONDUCTS.get(fault.kind)) is None:
            return WELL
        return usual if fault["new"] or connection <= self.last_before else WELL

    def is_silent(self, token: int) -> bool:
        """Whether this instrument does not tick while others do."""
        return (
            self.fault is not None and self.fault.kind is FeedFault.PARTIAL and token in self.fault["tokens"]
        )

    def moment(self, second: int) -> int:
        """The instant that packets sent at `second` speak of."""
        match self.fault:
            case Fault(kind=FeedFault.FROZEN, since=since):
                return since
            case Fault(kind=FeedFault.LAG) as lag:
                return second - int(lag["seconds"])
            case _:
                return second

    def cached_moment(self, token: int, second: int) -> int:
        """The same for the packet that answers a subscribe: what does not tick has grown old."""
        if self.fault is not None and (self.fault.kind is FeedFault.MUTE or self.is_silent(token)):
            return min(self.fault.since, second - 1)
        return self.moment(second - 1)
