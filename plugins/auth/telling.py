"""Puts what is known of the token into a report: words for people, details for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.api import CredentialState, Report
from plugins.auth.answers import Answer
from plugins.auth.asking import PROFILE
from plugins.auth.rollover import Rollover
from plugins.auth.token import Evidence, Moment, Reason, State, believed_for, judge

_WORDS = {
    (State.REQUIRED, Reason.MISSING): "There is no access token: log in",
    (State.REQUIRED, Reason.UNVERIFIED): "There is an access token, and the broker has not accepted it yet",
    (State.VALID, Reason.VERIFIED): "The broker accepts the access token",
    (
        State.VALID,
        Reason.UNVERIFIED,
    ): "The broker accepted the access token before the rollover at {rollover}, and has not been heard since",
    (State.EXPIRED, Reason.ROLLOVER): "The access token ended with the rollover at {rollover}: log in",
    (State.EXPIRED, Reason.REJECTED): "The broker refuses the access token: log in",
}

_TROUBLES = {
    Answer.UNREACHABLE: "the broker is unreachable since {since}: {finding}",
    Answer.RATE_LIMITED: "the broker gives no answer since {since}: {finding}",
    Answer.BROKEN: "the broker gives no answer since {since}: {finding}",
    Answer.FORBIDDEN: "the broker cannot be asked since {since}: {finding}",
    Answer.MISCONFIGURED: "the broker cannot be asked since {since}: {finding}",
    Answer.WRONG_CHECKSUM: "the broker cannot be asked since {since}: {finding}",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the broker gives no word on the token, and the monotonic second since when."""

    answer: Answer
    finding: str
    since_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that a report is made of."""

    credential: CredentialState
    evidence: Evidence | None
    rollover: Rollover
    verify_every: timedelta
    trouble: Trouble | None = None
    is_other_user: bool = False
    clock_offset: timedelta | None = None


def tell(known: Known, now: Moment) -> Report:
    """The report at an instant."""
    state, reason = judge(known.evidence, known.rollover, now)
    return Report(
        state=state,
        reason=reason,
        observed_at=now.at,
        message=_message(known, state, reason, now),
        valid_for=believed_for(known.evidence, known.verify_every, now),
        next_change_at=known.rollover.next(now.at) if state is State.VALID else None,
        attributes=_attributes(known, now),
        measures=_measures(known, now),
    )


def _message(known: Known, state: State, reason: Reason, now: Moment) -> str:
    """One line; it holds no ages, so that it changes only when something does."""
    parts = [_WORDS[state, reason].format(rollover=_time(known, known.rollover.last(now.at)))]
    if known.is_other_user and state is State.EXPIRED:
        parts = ["The access token is another user's than agent.toml names: log in as that user"]
    end = known.rollover.uncertain_end(now.at)
    if state is State.VALID and end is not None:
        parts.append(f"it may still end it until {_time(known, end)}")
    if known.trouble is not None:
        since = _time(known, now.instant(known.trouble.since_s))
        words = _TROUBLES[known.trouble.answer]
        parts.append(words.format(since=since, finding=known.trouble.finding))
    if known.credential.trouble:
        parts.append(known.credential.trouble)
    return "; ".join(parts)


def _time(known: Known, instant: datetime) -> str:
    return known.rollover.local(instant).strftime("%H:%M %Z")


def _attributes(known: Known, now: Moment) -> dict[str, object]:
    evidence, secret = known.evidence, known.credential.secret
    attributes: dict[str, object] = {
        "generation": secret.generation if secret else None,
        "first_seen": secret.first_seen.isoformat() if secret else None,
        "proofs": [_proof(by, s, now) for by, s in evidence.proofs.items()] if evidence else [],
        "rollover_at": known.rollover.next(now.at).isoformat(),
    }
    if evidence is not None and evidence.refused_s is not None:
        attributes["refused"] = _proof(evidence.refused_by, evidence.refused_s, now)
    if known.trouble is not None:
        since = now.instant(known.trouble.since_s).isoformat()
        attributes["broker"] = {"answer": known.trouble.answer.value, "since": since}
    return attributes


def _proof(by: str, at_s: float, now: Moment) -> dict[str, object]:
    at = now.instant(at_s).isoformat(timespec="milliseconds")
    return {"by": by, "at": at, "age_s": round(now.s - at_s, 1)}


def _measures(known: Known, now: Moment) -> dict[str, float]:
    evidence, secret = known.evidence, known.credential.secret
    measures = {}
    if evidence is not None and PROFILE in evidence.proofs:
        measures["verify_age_s"] = round(now.s - evidence.proofs[PROFILE], 1)
    if secret is not None:
        measures["token_age_s"] = round((now.at - secret.first_seen).total_seconds(), 1)
    if known.trouble is not None:
        measures["unanswered_s"] = round(now.s - known.trouble.since_s, 1)
    if known.clock_offset is not None:
        measures["clock_offset_ms"] = round(known.clock_offset.total_seconds() * 1000)
    return measures
