"""The life of one access token: what is known of it and the time of day give its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from plugins.auth.rollover import Rollover

BELIEVED_TURNS = 3
"""So many verifications may fail in a row before nothing is known any more."""


class State(StrEnum):
    """Whether the desk can trade with what it has, by the broker's word."""

    VALID = "VALID"
    EXPIRED = "EXPIRED"
    REQUIRED = "REQUIRED"


class Reason(StrEnum):
    """Why."""

    VERIFIED = "VERIFIED"
    UNVERIFIED = "UNVERIFIED"
    ROLLOVER = "ROLLOVER"
    REJECTED = "REJECTED"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one generation of the token. Times are monotonic seconds.

    `proofs` holds the latest acceptance by each that gave one: `profile`, `session` (the login
    itself), `handshake` (a feed's). Instants are derived from ages, so that a wall clock that is
    set right moves them all.
    """

    generation: str
    proofs: Mapping[str, float] = field(default_factory=dict)
    refused_s: float | None = None
    refused_by: str = ""

    @property
    def proof_s(self) -> float | None:
        """The latest proof."""
        return max(self.proofs.values(), default=None)

    def accepted(self, by: str, at_s: float) -> Evidence:
        """After the broker took the token: a proof outdoes an earlier refusal."""
        return replace(self, proofs={**self.proofs, by: at_s}, refused_s=None, refused_by="")

    def refused(self, by: str, at_s: float) -> Evidence:
        """After the broker refused it; the proofs stay, as they tell when it still lived."""
        return replace(self, refused_s=at_s, refused_by=by)


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks."""

    at: datetime
    s: float

    def instant(self, s: float) -> datetime:
        """The instant of a monotonic second, to the millisecond: sums of floats are not exact."""
        return self.at - timedelta(seconds=round(self.s - s, 3))

    def seconds(self, instant: datetime) -> float:
        """The monotonic second of an instant."""
        return self.s - (self.at - instant).total_seconds()


def judge(evidence: Evidence | None, rollover: Rollover, now: Moment) -> tuple[State, Reason]:
    """The token's state. A token that is merely there proves nothing, nor does the clock alone."""
    if evidence is None:
        return State.REQUIRED, Reason.MISSING
    if evidence.refused_s is not None:
        return State.EXPIRED, _why_refused(evidence, evidence.refused_s, rollover, now)
    if evidence.proof_s is None:
        return State.REQUIRED, Reason.UNVERIFIED
    is_since_rollover = now.instant(evidence.proof_s) >= rollover.last(now.at)
    return State.VALID, Reason.VERIFIED if is_since_rollover else Reason.UNVERIFIED


def _why_refused(evidence: Evidence, refused_s: float, rollover: Rollover, now: Moment) -> Reason:
    if evidence.proof_s is None:
        return Reason.REJECTED
    lived = now.instant(evidence.proof_s) < rollover.last(now.instant(refused_s))
    return Reason.ROLLOVER if lived else Reason.REJECTED


def believed_for(evidence: Evidence | None, verify_every: timedelta, now: Moment) -> timedelta | None:
    """How long a token that was proven counts as such without a new proof; `None` if none was."""
    if evidence is None or evidence.refused_s is not None or evidence.proof_s is None:
        return None
    return max(timedelta(0), now.instant(evidence.proof_s) + BELIEVED_TURNS * verify_every - now.at)
