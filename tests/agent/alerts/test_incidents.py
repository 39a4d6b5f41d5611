"""Incidents open with a problem, grow worse, and close with its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.alerts.incidents import acknowledge, track
from agent.alerts.plan import Answer
from agent.model import Incident, Severity

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def answer(code: str, severity: Severity, **more: bool) -> Answer:
    return Answer(code=code, severity=severity, message=f"{code} it is", since=NOON, **more)


def tracked(incident: Incident | None, now_is: Answer) -> Incident | None:
    return track(incident, now_is, now=NOON + timedelta(minutes=5), url="http://desk", new_id="i-1")


OPEN = tracked(None, answer("FEED_STALE", Severity.WARNING))


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.UNKNOWN, Severity.CRITICAL])
def test_it_opens_from_warning_on_at_the_problems_first_sign(severity) -> None:
    incident = tracked(None, answer("FEED_STALE", severity))
    assert incident is not None
    assert (incident.id, incident.opened_at, incident.severity, incident.closed_at) == (
        "i-1",
        NOON,
        severity,
        None,
    )


@pytest.mark.parametrize("severity", [Severity.OK, Severity.INFO])
def test_it_does_not_open_below(severity) -> None:
    assert tracked(None, answer("CLOSED", severity)) is None


def test_what_is_on_its_way_out_opens_none() -> None:
    assert tracked(None, answer("FEED_STALE", Severity.CRITICAL, is_clearing=True)) is None


def test_a_silenced_problem_is_an_incident_all_the_same() -> None:
    assert tracked(None, answer("FEED_STALE", Severity.CRITICAL, is_silenced=True)) is not None


def test_it_keeps_its_worst_moment() -> None:
    worse = tracked(OPEN, answer("AUTH_REQUIRED", Severity.CRITICAL))
    assert worse is not None
    better = tracked(worse, answer("FEED_STALE", Severity.WARNING))
    assert better is not None
    assert (better.id, better.code, better.severity) == ("i-1", "AUTH_REQUIRED", Severity.CRITICAL)


def test_it_closes_when_all_is_well() -> None:
    closed = tracked(OPEN, answer("LIVE", Severity.OK))
    assert closed is not None
    assert closed.closed_at == NOON + timedelta(minutes=5)


def test_an_acknowledgement_is_kept_with_it() -> None:
    assert OPEN is not None
    taken = acknowledge(OPEN, "asha", "calling the broker", NOON)
    assert taken.acknowledged is not None
    assert (taken.acknowledged.who, taken.acknowledged.why) == ("asha", "calling the broker")
