"""Incidents open with a problem, grow worse, and close with its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.alerts.concerns import Concern
from agent.alerts.incidents import Course, acknowledge, track
from agent.model import Incident, Severity
from tests.agent.alerts.conftest import NOON, concern, picture


def tracked(course: Course, *concerns: Concern) -> Course:
    now = NOON + timedelta(minutes=5)
    return track(course, picture(*concerns), now=now, url="http://desk", new_id=lambda _: "i-1")


def incident_of(course: Course) -> Incident:
    assert course.incident is not None
    return course.incident


OPEN = tracked(Course(), concern("FEED_STALE", Severity.WARNING))


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.UNKNOWN, Severity.CRITICAL])
def test_it_opens_from_warning_on_at_the_problems_first_sign(severity) -> None:
    incident = incident_of(tracked(Course(), concern("FEED_STALE", severity)))
    assert (incident.id, incident.opened_at) == ("i-1", NOON)
    assert (incident.severity, incident.closed_at) == (severity, None)


@pytest.mark.parametrize("severity", [Severity.OK, Severity.INFO])
def test_it_does_not_open_below(severity) -> None:
    assert tracked(Course(), concern("CLOSED", severity)) == Course()


def test_what_is_on_its_way_out_opens_none() -> None:
    assert tracked(Course(), concern(is_clearing=True)) == Course()


def test_a_silenced_problem_is_an_incident_all_the_same() -> None:
    assert tracked(Course(), concern(is_silenced=True)).incident is not None


def test_what_matters_little_does_not_hide_what_matters() -> None:
    mild, grave = concern("AUTH_REQUIRED", Severity.INFO), concern("AGENT_DEGRADED", Severity.WARNING)
    assert incident_of(tracked(Course(), mild, grave)).code == "AGENT_DEGRADED"


def test_it_keeps_its_worst_moment() -> None:
    worse = tracked(OPEN, concern("AUTH_REQUIRED", Severity.CRITICAL))
    better = incident_of(tracked(worse, concern("FEED_STALE", Severity.WARNING)))
    assert (better.id, better.code, better.severity) == ("i-1", "AUTH_REQUIRED", Severity.CRITICAL)


def test_it_closes_when_all_is_well() -> None:
    assert incident_of(tracked(OPEN)).closed_at == NOON + timedelta(minutes=5)


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(concern("FEED_STALE", Severity.INFO), id="it matters less for a while"),
        pytest.param(concern("FEED_STALE", is_clearing=True), id="it is on its way out"),
        pytest.param(concern("FEED_LOST", is_suppressed=True), id="what it explained lasts"),
    ],
)
def test_it_stays_open_while_something_of_it_is_left(left) -> None:
    assert incident_of(tracked(OPEN, left)).closed_at is None


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(concern("OTHER", Severity.INFO), id="another thing that is no problem"),
        pytest.param(concern("OTHER", is_suppressed=True, is_clearing=True), id="explained, and ending"),
        pytest.param(concern("OTHER", is_suppressed=True, is_silenced=True), id="explained, and silenced"),
    ],
)
def test_it_closes_when_what_is_left_is_not_its_own(left) -> None:
    assert incident_of(tracked(OPEN, left)).closed_at is not None


def test_an_acknowledgement_is_kept_with_it() -> None:
    taken = acknowledge(incident_of(OPEN), "asha", "calling the broker", NOON)
    assert taken.acknowledged is not None
    assert (taken.acknowledged.who, taken.acknowledged.why) == ("asha", "calling the broker")
