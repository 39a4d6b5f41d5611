"""A letter: one notice on its way to one receiver, and what may become of it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from agent.alerts.frozen import freeze, thaw
from agent.model import Notice, NoticeType, Receipt, Severity
from agent.settings import format_duration
from agent.text import plain

LIVES = {
    Severity.OK: timedelta(hours=24),
    Severity.INFO: timedelta(hours=1),
    Severity.WARNING: timedelta(hours=6),
    Severity.UNKNOWN: timedelta(hours=24),
    Severity.CRITICAL: timedelta(hours=24),
}
"""How long a notice is worth sending. A recovery, `ok`, as long as the worst that it may end."""

FARTHEST = timedelta(hours=1)
"""No pause is longer."""

FROM_MEMORY = " (Sent from memory: the agent's journal cannot be written.)"

UNANNOUNCED = " (The problem itself could not be told here.)"


class LetterState(StrEnum):
    """Where a letter stands; the first two are open, the others its end."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"
    SUPERSEDED = "superseded"


OPEN = frozenset({LetterState.PENDING, LetterState.SENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where letters go: a notifier, and one of its recipients where it tells several."""

    notifier: str
    recipient: str | None = None


Line = tuple[str | None, str]
"""What must stay in order: one recipient's letters of one incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One notice for one address. `body` is the frozen notice, the same in every attempt.

    `seq` orders all letters of an agent. `stream` is the notice's incident and group, or the notice
    itself where it has none.
    """

    id: str
    seq: int
    notice: str
    address: Address
    stream: str
    type: NoticeType
    code: str
    severity: Severity
    body: str
    created_at: datetime
    next_at: datetime
    expires_at: datetime
    state: LetterState = LetterState.PENDING
    attempts: int = 0
    refusals: int = 0
    """Of the latest attempts, how many the receiver turned away as one not set up for us."""
    ended_at: datetime | None = None
    last_error: str | None = None
    receipt: str | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def line(self) -> Line:
        return self.address.recipient, self.stream

    def is_expired(self, now: datetime) -> bool:
        return now >= self.expires_at


def write(notice: Notice, addresses: Iterable[Address], *, after: int, now: datetime) -> tuple[Letter, ...]:
    """A letter of the notice for each address, numbered from behind `after`."""
    body = freeze(notice)
    return tuple(
        Letter(
            id=_id(notice.id, address),
            seq=seq,
            notice=notice.id,
            address=address,
            stream=stream_of(notice),
            type=notice.type,
            code=notice.code,
            severity=notice.severity,
            body=body,
            created_at=now,
            next_at=now,
            expires_at=now + LIVES[notice.severity],
        )
        for seq, address in enumerate(addresses, start=after + 1)
    )


def stream_of(notice: Notice) -> str:
    """What a notice belongs to: its incident and, where its problem is of a group, that group's part."""
    if notice.incident is None:
        return notice.id
    return notice.incident.id if notice.group is None else f"{notice.incident.id}/{notice.group}"


def claim(letter: Letter) -> Letter:
    """An attempt begins."""
    return replace(letter, state=LetterState.SENDING, attempts=letter.attempts + 1)


def release(letter: Letter, now: datetime) -> Letter:
    """A former attempt was cut off, by a stop or a crash: whether it arrived is not known.

    One that is deferred further than any pause was stamped by a clock that has been set since.
    """
    return replace(letter, state=LetterState.PENDING, next_at=min(letter.next_at, now + FARTHEST))


def deliver(letter: Letter, receipt: Receipt, now: datetime) -> Letter:
    """The receiver has it."""
    said = plain(f"{receipt.status} {receipt.id or ''}")
    said = plain(f"{said}; {receipt.remark}") if receipt.remark else said
    return replace(letter, state=LetterState.DELIVERED, ended_at=now, receipt=said, last_error=None)


def defer(letter: Letter, error: str, next_at: datetime, *, turned_away: bool = False) -> Letter:
    """The attempt failed; the next one is due then, or never if the letter expires before."""
    return replace(
        letter,
        state=LetterState.PENDING,
        last_error=error,
        next_at=min(next_at, letter.expires_at),
        refusals=letter.refusals + 1 if turned_away else 0,
    )


def hold(letter: Letter, until: datetime) -> Letter:
    """It is not its turn before."""
    return replace(letter, next_at=max(letter.next_at, min(until, letter.expires_at)))


def bury(letter: Letter, error: str, now: datetime) -> Letter:
    """It is given up, kept, and can be sent again."""
    return replace(letter, state=LetterState.DEAD, ended_at=now, last_error=error)


def expire(letter: Letter, now: datetime) -> Letter:
    """It was not delivered while it was worth it."""
    life = format_duration(letter.expires_at - letter.created_at)
    return bury(letter, f"not delivered within {life}: {letter.last_error or 'there was no attempt'}", now)


def revive(letter: Letter, seq: int, now: datetime) -> Letter:
    """A dead letter is sent again, as the same notice, behind what waits already."""
    lives = letter.expires_at - letter.created_at
    return replace(
        letter,
        state=LetterState.PENDING,
        seq=seq,
        next_at=now,
        expires_at=now + lives,
        ended_at=None,
        refusals=0,
    )


def mark_unstored(letter: Letter) -> Letter:
    """The journal could not take it: it is sent all the same, and says so."""
    return _adding(letter, FROM_MEMORY)


def mark_unannounced(letter: Letter) -> Letter:
    """A recovery at an address that could not be told of the problem: it says so."""
    return _adding(letter, UNANNOUNCED)


def shift(letter: Letter, step: timedelta) -> Letter:
    """The letter after the wall clock was set by `step`: what is left of its times stays."""
    return replace(
        letter,
        created_at=letter.created_at + step,
        next_at=letter.next_at + step,
        expires_at=letter.expires_at + step,
    )


def _adding(letter: Letter, words: str) -> Letter:
    """A letter that was not tried yet, with further words."""
    notice = thaw(letter.body)
    return replace(letter, body=freeze(replace(notice, message=notice.message + words)))


def _id(notice: str, address: Address) -> str:
    """The same for the same notice and address, and without the recipient's own name in it."""
    if address.recipient is None:
        return f"{notice}.{address.notifier}"
    return f"{notice}.{address.notifier}.{hashlib.sha256(address.recipient.encode()).hexdigest()[:8]}"
