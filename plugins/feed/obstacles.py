"""What forbids an attempt to connect, for as long as it does: the credential, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from agent.api import Verdict
from plugins.feed.states import Reason
from plugins.feed.watch import Standing, Watch

NO_CREDENTIAL = "there is no credential yet; log in"
DEAD = "the broker refused this credential; log in for a new one"
ASKED = "the handshake was refused; the broker is being asked whether the credential is dead"
DOUBTED = "the credential is in doubt; the broker is being asked"
NO_STREAMING = (
    "the broker takes this credential over HTTP but refuses the feed: the key has no streaming"
    " (a free Personal app has none); tried again slowly"
)
UNANSWERED = "the handshake was refused, and nobody could say why; tried again slowly"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no attempt may be made, and until when; `None` is until the credential changes."""

    reason: Reason
    message: str
    until: float | None = None


def find_obstacle(watch: Watch, now: float) -> Obstacle | None:
    """What forbids an attempt now, or `None`."""
    standing, limits = watch.standing, watch.limits
    if standing.generation is None:
        return Obstacle(Reason.AWAITING_CREDENTIAL, standing.trouble or NO_CREDENTIAL)
    if standing.verdict is Verdict.REFUSED:
        return Obstacle(Reason.AWAITING_CREDENTIAL, DEAD)
    if standing.verdict is Verdict.DOUBTED and standing.doubted_at is not None:
        until = standing.doubted_at + limits.doubt_patience
        if now < until:
            ours = standing.refused_at is not None
            return Obstacle(Reason.REFUSED, ASKED if ours else DOUBTED, until)
    return _find_refusal(standing, now, limits.refusal_pause)


def _find_refusal(standing: Standing, now: float, pause: float) -> Obstacle | None:
    if standing.refused_at is None or now >= standing.refused_at + pause:
        return None
    proven = standing.verdict is Verdict.ACCEPTED
    message = NO_STREAMING if proven else UNANSWERED
    return Obstacle(Reason.REFUSED, message, standing.refused_at + pause)
