"""What holds of every plan, whatever comes, in whatever order."""

from __future__ import annotations

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from agent.alerts.routes import Escalation, QuietHours, Route, receivers
from agent.model import NoticeReason, Severity
from tests.agent.alerts.conftest import concern
from tests.agent.alerts.test_plan import Desk

NAMES = st.sampled_from(["chat", "phone", "head"])
CODES = ["AUTH_REQUIRED", "FEED_STALE", "AGENT_DEGRADED"]
GROUPS = [None, "alpha"]

quiet_hours = st.builds(
    QuietHours,
    begins=st.sampled_from([time(22), time(12)]),
    ends=st.sampled_from([time(7), time(13)]),
    zone=st.just(ZoneInfo("Asia/Kolkata")),
)
routes = st.lists(
    st.builds(
        Route,
        to=st.frozensets(NAMES, min_size=1),
        severity=st.sampled_from([Severity.WARNING, Severity.CRITICAL]),
        groups=st.sampled_from([frozenset(), frozenset({"alpha"})]),
        repeat=st.sampled_from([None, timedelta(minutes=1), timedelta(hours=2)]),
        settle=st.sampled_from([timedelta(0), timedelta(seconds=5)]),
        escalate=st.none()
        | st.builds(
            Escalation, after=st.sampled_from([timedelta(minutes=5)]), to=st.frozensets(NAMES, min_size=1)
        ),
        quiet=st.none() | quiet_hours,
    ),
    min_size=1,
    max_size=3,
)
one = st.builds(
    concern,
    code=st.sampled_from(CODES),
    severity=st.sampled_from([Severity.INFO, Severity.WARNING, Severity.CRITICAL]),
    group=st.sampled_from(GROUPS),
    is_clearing=st.booleans(),
    is_suppressed=st.booleans(),
    is_silenced=st.booleans(),
    is_flapping=st.booleans(),
)
sights = st.lists(one, max_size=4, unique_by=lambda concern: concern.key).map(
    lambda found: tuple(sorted(found, key=lambda concern: CODES.index(concern.code)))
)
gaps = st.sampled_from([0.0, 1.0, 4.999, 5.0, 60.0, 299.0, 3600.0, 40_000.0])
days = st.lists(st.tuples(gaps, sights, st.booleans()), max_size=12)


def live(desk: Desk, day):
    """Each moment of a day with what was told in it, to whom, of which group."""
    for gap, sight, is_acknowledged in day:
        desk.see(*sight, after=gap)
        yield [(draft.reason, draft.group, to) for draft, to in desk.told.items()]
        if is_acknowledged and desk.course.incident is not None:
            desk.acknowledge()


@given(ways=routes, day=days)
def test_a_notifier_hears_of_a_problem_once_before_it_hears_of_its_end_and_never_of_an_end_alone(
    ways, day
) -> None:
    desk, knows = Desk(*ways), set()
    begins = {NoticeReason.FIRST, NoticeReason.ESCALATED}
    for moment in live(desk, day):
        for reason, group, to in moment:
            places = {(name, group) for name in to}
            if reason is NoticeReason.RECOVERED:
                assert places <= knows
                knows -= places
            else:
                assert reason not in begins or not places & knows
                knows |= places
    assert knows == {place for place, thread in desk.known.threads.items() if thread.told is not None}


@given(ways=routes, day=days)
def test_looking_again_at_the_same_instant_tells_nothing_more(ways, day) -> None:
    desk = Desk(*ways)
    for gap, sight, _ in day:
        desk.see(*sight, after=gap)
        known = desk.known
        assert desk.see(*sight) == []
        assert desk.known == known


@given(ways=routes, day=days, part=st.floats(0, 0.999_999))
def test_until_the_next_instant_nothing_is_told_by_time_alone(ways, day, part) -> None:
    desk = Desk(*ways)
    for gap, sight, _ in day:
        desk.see(*sight, after=gap)
    sight = day[-1][1] if day else ()
    ahead = desk.in_s()
    assert desk.see(*sight, after=(ahead if ahead is not None else 86_400.0) * part) == []


@given(ways=routes, day=days)
def test_after_a_calm_day_nobody_is_left_with_a_problem(ways, day) -> None:
    desk = Desk(*ways)
    for _ in live(desk, day):
        pass
    desk.see(after=1)
    desk.see(after=90_000)
    assert desk.known.threads == {}


@given(day=days)
def test_without_routes_nothing_that_matters_goes_untold(day) -> None:
    desk = Desk()
    for _ in live(desk, day):
        told = {group: thread.told for (_, group), thread in desk.known.threads.items()}
        for problem in desk.sight:
            if problem.is_clearing or problem.is_silenced or problem.is_suppressed:
                continue
            if problem.severity.is_problem:
                assert told.get(problem.group) is not None


@given(ways=routes, day=days)
def test_only_those_that_a_route_names_are_told(ways, day) -> None:
    desk = Desk(*ways)
    named = set(receivers(ways))
    for moment in live(desk, day):
        for _, group, to in moment:
            assert to <= named
            assert any(not route.groups or group in route.groups for route in ways)
