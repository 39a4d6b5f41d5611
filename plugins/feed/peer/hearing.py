"""What is known of another agent by its answers, and whether its silence matters now. Pure.

A document is believed for the span that it gives itself, counted by our own clock from when its
stamp was first seen: two clocks that differ change nothing, and one that is served again and
again without being renewed runs out like one that is not served at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

AWAY = timedelta(minutes=1)
"""Who has not asked for so long was away itself: stopped, suspended, or without a turn."""


class State(StrEnum):
    """How the other agent is: heard, listened for, silent while that may be, silent while it may not."""

    HEARD = "HEARD"
    LISTENING = "LISTENING"
    RESTING = "RESTING"
    SILENT = "SILENT"


class Reason(StrEnum):
    """What comes back from its address."""

    ANSWERING = "ANSWERING"
    NO_ANSWER = "NO_ANSWER"
    STALE_DOCUMENT = "STALE_DOCUMENT"
    NOT_OPENBELL = "NOT_OPENBELL"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Session:
    """The market as a document has it, by the other agent's clock; `None` where it does not say."""

    state: str
    next_open_at: datetime | None
    next_close_at: datetime | None


@dataclass(frozen=True, slots=True)
class Word:
    """A document: its stamp, by the other agent's clock, and when that was first seen by ours."""

    stamp: datetime
    seen_at: datetime
    lasts: timedelta
    code: str
    session: Session | None

    def here(self, instant: datetime) -> datetime:
        """An instant of the other agent's clock by ours."""
        return self.seen_at + (instant - self.stamp)


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is no document, or none at all."""

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long it may be silent, which is also how long a first word may take; and how long before
    the open a session counts as begun.
    """

    after: timedelta
    before_open: timedelta


@dataclass(frozen=True, slots=True)
class Hearing:
    """All that was heard. `since` is the start of listening, `tried_at` the latest question, and
    `answered_at` the latest that was answered by a document.
    """

    since: datetime
    tried_at: datetime
    answered_at: datetime | None = None
    word: Word | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """How the other agent counts, since when it is silent, and when time alone may change that."""

    state: State
    reason: Reason
    silent_since: datetime | None
    next_at: datetime | None


def hear(hearing: Hearing, answer: Word | Fault, now: datetime, patience: Patience) -> Hearing:
    """What is known after an answer; our own absence is not the other's silence."""
    was_silent = judge(hearing, hearing.tried_at, patience).state is State.SILENT
    is_back = now - hearing.tried_at > AWAY and not was_silent
    after = replace(_no_later(hearing, now), tried_at=now)
    if is_back:
        after = replace(after, since=now)
    if isinstance(answer, Fault):
        return replace(after, fault=answer)
    word = after.word
    is_same = word is not None and word.stamp == answer.stamp
    seen_at = word.seen_at if word is not None and is_same else now
    return replace(after, word=replace(answer, seen_at=seen_at), answered_at=now, fault=None)


def _no_later(hearing: Hearing, now: datetime) -> Hearing:
    """What was heard lies in the past, though our clock be set back: belief is not lengthened by it."""
    word, answered_at = hearing.word, hearing.answered_at
    return replace(
        hearing,
        since=min(hearing.since, now),
        answered_at=min(answered_at, now) if answered_at is not None else None,
        word=replace(word, seen_at=min(word.seen_at, now)) if word is not None else None,
    )


def judge(hearing: Hearing, now: datetime, patience: Patience) -> Judgement:
    """Whether the other agent is heard, and if not, whether that is an alarm."""
    believed_until = _believed_until(hearing, patience)
    if now < believed_until:
        return Judgement(State.HEARD, Reason.ANSWERING, None, believed_until)
    reason = hearing.fault.reason if hearing.fault is not None else Reason.STALE_DOCUMENT
    patient_until = max(believed_until, hearing.since + patience.after)
    if now < patient_until:
        return Judgement(State.LISTENING, reason, believed_until, patient_until)
    matters_at = max(patient_until, _in_session_from(hearing.word, believed_until, patience.before_open))
    state = State.RESTING if now < matters_at else State.SILENT
    return Judgement(state, reason, believed_until, matters_at if now < matters_at else None)


def _believed_until(hearing: Hearing, patience: Patience) -> datetime:
    """Until its document runs out, or has not been served for so long."""
    word, answered_at = hearing.word, hearing.answered_at
    if word is None or answered_at is None:
        return hearing.since
    return min(word.seen_at + max(word.lasts, patience.after), answered_at + patience.after)


def _in_session_from(word: Word | None, silent_since: datetime, before_open: timedelta) -> datetime:
    """The first instant of the silence that is in a session; the first of all where none is known."""
    session = word.session if word is not None else None
    if word is None or session is None or session.next_open_at is None:
        return silent_since
    closes_at = word.here(session.next_close_at) if session.next_close_at is not None else None
    is_open = session.state != "CLOSED" and (closes_at is None or silent_since < closes_at)
    if is_open:
        return silent_since
    return max(silent_since, word.here(session.next_open_at) - before_open)
