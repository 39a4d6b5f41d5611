"""What is told, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.alerts.plan import Answer, Told, plan
from agent.model import Incident, NoticeReason, NoticeType, Severity

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def answer(
    code: str = "FEED_STALE", severity: Severity = Severity.CRITICAL, is_clearing: bool = False
) -> Answer:
    return Answer(code=code, severity=severity, message="Words", since=NOON, is_clearing=is_clearing)


def told(code: str = "FEED_STALE", severity: Severity = Severity.CRITICAL) -> Told:
    incident = Incident(id="i-1", opened_at=NOON - timedelta(minutes=5))
    return Told(incident=incident, code=code, severity=severity, since=NOON)


def planned(before: Told | None, now_is: Answer):
    opened = before.incident if before is not None else Incident(id="i-1", opened_at=NOON)
    return plan(before, now_is, opened, now=NOON, agent="desk", new_id="n-1")


@pytest.mark.parametrize(
    ("before", "now_is", "reason"),
    [
        pytest.param(None, answer(), NoticeReason.FIRST, id="a new problem"),
        pytest.param(None, answer(severity=Severity.WARNING), NoticeReason.FIRST, id="from warning on"),
        pytest.param(None, answer("AUTH", Severity.INFO), None, id="info is not told"),
        pytest.param(None, answer("LIVE", Severity.OK), None, id="well stays well"),
        pytest.param(told(), answer(), None, id="the same again"),
        pytest.param(told(), answer("AUTH_REQUIRED"), NoticeReason.CAUSE_CHANGED, id="another cause"),
        pytest.param(told(severity=Severity.WARNING), answer(), NoticeReason.WORSE, id="worse"),
        pytest.param(told(), answer(severity=Severity.WARNING), None, id="lesser is not told"),
        pytest.param(None, answer(is_clearing=True), None, id="on its way out is not told anew"),
        pytest.param(told("AUTH"), answer(is_clearing=True), None, id="nor in another's place"),
        pytest.param(told(), answer("LIVE", Severity.OK), NoticeReason.RECOVERED, id="over"),
        pytest.param(told(), answer("AUTH", Severity.INFO), NoticeReason.RECOVERED, id="over, for info"),
    ],
)
def test_each_change_is_told_with_its_reason_or_not_at_all(before, now_is, reason) -> None:
    notice = planned(before, now_is).notice
    assert (notice.reason if notice else None) == reason


def test_a_recovery_says_how_long_it_lasted() -> None:
    later = plan(
        told(),
        answer("LIVE", Severity.OK),
        told().incident,
        now=NOON + timedelta(minutes=3),
        agent="desk",
        new_id="n-2",
    )
    assert later.told is None
    assert later.notice is not None
    assert (later.notice.type, later.notice.id) == (NoticeType.RECOVERY, "n-2")
    assert later.notice.duration == timedelta(minutes=8)
    assert later.notice.message == "FEED_STALE is over after 8m. Words"


def test_a_change_of_cause_stays_in_the_incident() -> None:
    changed = planned(told(), answer("AUTH_REQUIRED"))
    assert changed.notice is not None
    assert changed.notice.incident is not None
    assert changed.notice.incident.id == "i-1"


def test_a_silenced_problem_is_not_told_and_its_end_is_nobodys_business() -> None:
    quiet = Answer(code="FEED_STALE", severity=Severity.CRITICAL, message="W", since=NOON, is_silenced=True)
    assert planned(None, quiet).notice is None
    assert planned(None, answer("LIVE", Severity.OK)).notice is None
