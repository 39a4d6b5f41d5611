"""Deadlines before the open: reminders, a problem when missed, and peace on a day without a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.config.rule_table import as_deadline_rules, as_rule, default_table
from agent.config.schema import DeadlineTable
from agent.health.deadlines import next_open
from agent.model import Machine, Severity, Status

OPEN = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)
"""09:15 in Mumbai."""


def deadline(**more: object) -> DeadlineTable:
    values = {
        "id": "login-before-open",
        "code": "AUTH_REQUIRED",
        "before_open": "30m",
        "remind": ["90m", "60m"],
        "require": {"auth": ["VALID"]},
        "action": "login",
    } | more
    return DeadlineTable.model_validate(values)


class Morning:
    """A desk before the open, with a deadline above the default table."""

    def __init__(self, make_desk, start: datetime, opens_at: datetime = OPEN, **more: object) -> None:
        rules = [*as_deadline_rules(deadline(**more)), *map(as_rule, default_table())]
        self.desk = make_desk(rules=rules, start=start)
        self.desk.say("auth", "REQUIRED", "MISSING", message="Log in")
        self.desk.say("feed", "DISCONNECTED")
        self.session(opens_at)
        self.reminded: list[float] = []

    def session(self, opens_at: datetime | None, state: str = "CLOSED", reason: str = "BEFORE_HOURS") -> None:
        attributes = {"next_open_at": opens_at.isoformat()} if opens_at else {}
        self.desk.say("market", state, reason, attributes=attributes)

    def wait(self, **span: float) -> None:
        end = self.desk.now + timedelta(**span)
        while self.desk.evaluation.next_at is not None and self.desk.evaluation.next_at <= end:
            self.desk.now = self.desk.evaluation.next_at
            self._evaluate()
        if self.desk.now < end:
            self.desk.now = end
            self._evaluate()

    def _evaluate(self) -> None:
        found = self.desk.evaluate()
        self.reminded += [r.left.total_seconds() / 60 for r in found.reminders]

    @property
    def lead(self) -> tuple[str, Severity, str | None]:
        lead = self.desk.evaluation.lead
        return lead.code, lead.severity, lead.rule


@pytest.fixture
def morning(make_desk):
    def begin(before_open: timedelta, **more: object) -> Morning:
        return Morning(make_desk, OPEN - before_open, **more)

    return begin


def test_people_are_reminded_twice_and_alarmed_half_an_hour_before(morning) -> None:
    desk = morning(timedelta(hours=2))
    assert desk.lead == ("AUTH_REQUIRED", Severity.WARNING, "auth-required")
    desk.wait(minutes=29, seconds=59)
    assert desk.reminded == []
    desk.wait(seconds=1)
    assert desk.reminded == [60]
    desk.wait(minutes=30)
    assert desk.reminded == [60, 30]
    desk.wait(minutes=29, seconds=59)
    assert desk.lead[1:] == (Severity.WARNING, "auth-required")
    desk.wait(seconds=1)
    assert desk.lead == ("AUTH_REQUIRED", Severity.CRITICAL, "login-before-open")
    assert desk.reminded == [60, 30]


def test_a_login_in_time_ends_it_without_a_word(morning) -> None:
    desk = morning(timedelta(hours=2))
    desk.wait(minutes=45)
    desk.desk.say("auth", "VALID", "VERIFIED")
    desk.wait(hours=1, minutes=10)
    assert desk.reminded == [60]
    assert desk.desk.phase("login-before-open") is None


def test_a_late_login_ends_the_missed_deadline(morning) -> None:
    desk = morning(timedelta(minutes=20))
    assert desk.lead[2] == "login-before-open"
    desk.wait(minutes=5)
    desk.desk.say("auth", "VALID", "VERIFIED")
    assert desk.desk.phase("login-before-open") is None


def test_it_is_moot_from_the_open_on_when_the_ordinary_rule_takes_over(morning) -> None:
    desk = morning(timedelta(minutes=20))
    desk.wait(minutes=19, seconds=59)
    assert desk.lead[2] == "login-before-open"
    desk.wait(seconds=1)
    desk.session(OPEN + timedelta(days=1), "LIVE", "SESSION")
    assert desk.lead == ("AUTH_REQUIRED", Severity.CRITICAL, "auth-required")


def test_it_never_fires_on_a_day_without_a_session(morning) -> None:
    desk = morning(timedelta(hours=2))
    desk.session(OPEN + timedelta(days=3), "CLOSED", "HOLIDAY")
    desk.wait(hours=20)
    assert desk.reminded == []
    assert desk.lead == ("AUTH_REQUIRED", Severity.INFO, "auth-required")


def test_an_unknown_login_does_not_meet_it(morning) -> None:
    desk = morning(timedelta(minutes=40))
    desk.desk.say("auth", "UNKNOWN", "PROBE_TIMEOUT")
    desk.wait(minutes=10)
    assert desk.desk.phase("login-before-open") == "active"


def test_without_a_known_open_there_is_no_deadline(morning) -> None:
    desk = morning(timedelta(minutes=40))
    desk.session(None)
    desk.wait(hours=2)
    assert desk.desk.phase("login-before-open") is None


def test_a_special_session_counts_as_any_other(morning) -> None:
    muhurat = OPEN + timedelta(hours=4, minutes=30)
    desk = morning(timedelta(hours=1))
    desk.session(muhurat, "CLOSED", "BEFORE_HOURS")
    desk.wait(hours=5)
    assert desk.desk.phase("login-before-open") == "active"
    assert desk.reminded == [60, 30]


def test_several_roles_are_missed_one_by_one() -> None:
    rules = as_deadline_rules(deadline(require={"auth": ["VALID"], "feed": ["CONNECTED"]}))
    assert [rule.id for rule in rules] == ["login-before-open-auth", "login-before-open-feed"]


def test_a_reminder_after_the_deadline_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than before_open"):
        deadline(remind=["30m"])


@pytest.mark.parametrize("told", [None, "", "soon", "2026-11-23T09:15:00", 5])
def test_an_open_that_is_no_instant_is_not_known(told) -> None:
    machine = Machine(name="market", kind="market", role="market")
    status = Status(
        machine=machine,
        state="CLOSED",
        reason="R",
        since=OPEN,
        observed_at=OPEN,
        attributes={"next_open_at": told},
    )
    assert next_open(status) is None
    assert next_open(None) is None
