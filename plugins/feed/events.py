"""What can happen to a feed; the watchdog is told nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.api import Expectation, Verdict
from plugins.feed.states import Reason


@dataclass(frozen=True, slots=True)
class Opening:
    """An attempt began, with this generation of the credential (`None` where none is needed)."""

    generation: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The handshake succeeded."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The handshake was answered with another status than 101."""

    status: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The handshake was not answered; `text` says why, and holds no secret."""

    text: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The subscriptions were sent, all of them; `cure` names the ailment they are to cure."""

    cure: Reason | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """Frames came, the last of them at `at` (monotonic seconds).

    `packets` counts those of any instrument; `stamps` has each canary's latest exchange
    timestamp, in epoch seconds, as `wall` is: the present instant. A heartbeat has neither.
    """

    at: float
    wall: float
    packets: int = 0
    stamps: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ponged:
    """The other end's WebSocket layer answered our ping."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is no more.

    `reason` is `CLOSED_BY_PEER`, the ailment for which we closed it, or `None`: it was asked for.
    """

    reason: Reason | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class ExpectationChanged:
    """The market's phase demands something else."""

    expectation: Expectation


@dataclass(frozen=True, slots=True)
class CredentialChanged:
    """There is another credential, or another verdict on it; `None` is no credential.

    `trouble` says, for people, why there is none.
    """

    generation: str | None
    verdict: Verdict = Verdict.UNPROVEN
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A person or a program asked for a reconnect."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Time passed, and nothing else."""


Event = (
    Opening
    | Opened
    | Refused
    | Failed
    | Subscribed
    | Heard
    | Ponged
    | Closed
    | ExpectationChanged
    | CredentialChanged
    | Told
    | Passed
)
