"""Whether something is told now, and why."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime

from agent.alerts.answer import Answer
from agent.alerts.concerns import Concern, Key
from agent.alerts.routes import Path
from agent.alerts.told import Told
from agent.model import NoticeReason

FROM_THE_FIRST = frozenset({NoticeReason.FIRST, NoticeReason.ESCALATED, NoticeReason.WORSE})
"""From these on it counts how long nobody has acknowledged."""

SETTLED = frozenset(
    {
        NoticeReason.FIRST,
        NoticeReason.WORSE,
        NoticeReason.CAUSE_CHANGED,
        NoticeReason.UNSUPPRESSED,
        NoticeReason.FLAPPING,
    }
)
"""What waits for a route's `settle`."""


def decide(
    told: Told | None, answer: Answer, *, hidden: Container[Key], is_acknowledged: bool, now: datetime
) -> NoticeReason | None:
    """Why this answer is told to one who was told `told`, or `None` for not at all.

    `hidden` are the problems that another one explained until now.
    """
    if told is not None and answer.is_calm:
        return NoticeReason.RECOVERED
    concern, path = answer.concern, answer.path
    if concern is None or path is None:
        return None
    was_hidden = concern.key in hidden
    if told is None:
        return _first(concern, path, was_hidden)
    changed = _changed(told, concern, was_hidden)
    if changed is None and not is_acknowledged and _is_due_again(told, path, now):
        return NoticeReason.REPEAT
    return changed


def _first(concern: Concern, path: Path, was_hidden: bool) -> NoticeReason:
    if path.is_escalation:
        return NoticeReason.ESCALATED
    if was_hidden:
        return NoticeReason.UNSUPPRESSED
    return NoticeReason.FLAPPING if concern.is_flapping else NoticeReason.FIRST


def _changed(told: Told, concern: Concern, was_hidden: bool) -> NoticeReason | None:
    is_other = concern.code != told.code
    if is_other and was_hidden:
        return NoticeReason.UNSUPPRESSED
    if concern.severity.rank > told.severity.rank:
        return NoticeReason.WORSE
    if is_other:
        return NoticeReason.CAUSE_CHANGED
    return NoticeReason.FLAPPING if concern.is_flapping and not told.is_flapping else None


def _is_due_again(told: Told, path: Path, now: datetime) -> bool:
    repeat = path.route.repeat
    return repeat is not None and now >= told.last_at + repeat
