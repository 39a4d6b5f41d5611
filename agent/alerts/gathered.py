"""Notices about notices: many of them told in one, and those that could not be told. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.model import Notice, NoticeReason, NoticeType, Severity

GATHERED = "NOTICES_GATHERED"
MISSED = "NOTICES_MISSED"

LISTED = 10
"""Told one by one; the ids of all are in the document, as far as `IDS` go."""

IDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One notice of those told together; `stream` as of its letter."""

    notice: str
    stream: str
    code: str
    severity: Severity
    created_at: datetime
    is_recovery: bool = False


def digest(items: Sequence[Item], *, now: datetime, agent: str, new_id: str) -> Notice:
    """One notice in place of many that would have come within a minute."""
    begin = f"{len(items)} notices came within a short time and are told in one"
    return _notice(items, GATHERED, NoticeReason.GATHERED, begin, now=now, agent=agent, new_id=new_id)


def missed(items: Sequence[Item], *, now: datetime, agent: str, new_id: str) -> Notice:
    """What could not be delivered, told once deliveries succeed again."""
    begin = f"{len(items)} notice{'s' * (len(items) > 1)} could not be delivered here and will not come"
    return _notice(items, MISSED, NoticeReason.MISSED, begin, now=now, agent=agent, new_id=new_id)


def _notice(
    items: Sequence[Item],
    code: str,
    reason: NoticeReason,
    begin: str,
    *,
    now: datetime,
    agent: str,
    new_id: str,
) -> Notice:
    gravest_first = sorted(items, key=lambda item: (-item.severity.rank, item.created_at))
    return Notice(
        id=new_id,
        type=NoticeType.REMINDER,
        reason=reason,
        code=code,
        severity=gravest_first[0].severity,
        message=f"{begin}: {_list(gravest_first)}.",
        since=min(item.created_at for item in items),
        created_at=now,
        agent=agent,
        document={"notices": [item.notice for item in gravest_first[:IDS]]},
    )


def _list(items: Sequence[Item]) -> str:
    """The gravest with their times and references, and how many there are of the others."""
    shown = [_words(item) for item in items[:LISTED]]
    others = Counter(item.code for item in items[LISTED:])
    shown += [f"{count} more of {code}" for code, count in others.most_common(LISTED)]
    return "; ".join(shown)


def _words(item: Item) -> str:
    what = f"recovery, now {item.code}" if item.is_recovery else f"{item.code} ({item.severity})"
    return f"{what} at {item.created_at:%H:%M:%S} UTC [{item.notice[-8:]}]"
