"""What agents decide and ship, for the tests of the shared store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from agent.alerts import letters as post
from agent.alerts.letters import Address, Letter
from agent.model import Incident, Notice, NoticeReason, NoticeType, Severity, Subject, Transition
from agent.store.entry import Entry
from agent.store.postgres.identity import Member
from agent.store.postgres.shipping import Shipment
from agent.store.sheet import sheet_of

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
LONG = timedelta(seconds=30)
DESK = "desk/alpha"


def member(name: str, run: str = "1", desk: str = "alpha") -> Member:
    return Member(desk=desk, agent=name, instance=f"folder-{name}", run=f"{name}-{run}")


class Run:
    """The shipments of one run, numbered."""

    def __init__(self, who: Member) -> None:
        self.who = who
        self._seq = count(1)
        self._number = count(1)

    def ships(self, entry: Entry, epoch: int = 1) -> Shipment:
        sheet = sheet_of(entry, lambda: next(self._number))
        return Shipment(run=self.who.run, seq=next(self._seq), epoch=epoch, sheet=sheet)


def edge(
    after: str = "LIVE", at: datetime = NOON, subject: Subject = Subject.LEAD, **more: str
) -> Transition:
    name = more.pop("name", "feed")
    return Transition(at=at, subject=subject, name=name, group=None, before=None, after=after, **more)


def incident(id_: str = "i", *, closed: bool = False, minutes: float = 0, **more: object) -> Incident:
    opened_at = NOON + timedelta(minutes=minutes)
    return Incident(
        id=id_, opened_at=opened_at, closed_at=opened_at + timedelta(minutes=5) if closed else None,
        code="FEED_STALE", severity=Severity.CRITICAL, **more,
    )  # fmt: skip


def letter(
    id_: str,
    seq: int,
    of: Incident | None = None,
    *,
    group: str | None = None,
    notifier: str = "mail",
    type_: NoticeType = NoticeType.PROBLEM,
) -> Letter:
    notice = Notice(
        id=id_, type=type_, reason=NoticeReason.FIRST, code="FEED_STALE", severity=Severity.CRITICAL,
        message="Words", since=NOON, created_at=NOON, agent="desk", incident=of, group=group,
    )  # fmt: skip
    [written] = post.write(notice, [Address(notifier=notifier, recipient=None)], after=seq - 1, now=NOON)
    return written
