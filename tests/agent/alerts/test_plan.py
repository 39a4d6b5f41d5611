"""What is told to whom, why, and when: each decision of the plan, with both sides of its boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.alerts.concerns import Concern, Watch
from agent.alerts.incidents import Course, acknowledge, track
from agent.alerts.notices import Draft
from agent.alerts.plan import Known, plan
from agent.alerts.routes import Escalation, QuietHours, Route, without
from agent.model import NoticeReason, Severity
from tests.agent.alerts.conftest import NOON, concern, picture

R = NoticeReason
FEED = concern("FEED_STALE")
AUTH = concern("AUTH_REQUIRED")
NIGHT = QuietHours(begins=time(22), ends=time(7), zone=ZoneInfo("Asia/Kolkata"))


class Desk:
    """A desk through a day; `said` has what was told: reason, code, and to whom."""

    def __init__(self, *routes: Route, now: datetime = NOON) -> None:
        self.routes = routes or (Route(to=frozenset({"chat"})),)
        self.now = now
        self.known, self.course, self.next_at = Known(), Course(), None
        self.told: Mapping[Draft, frozenset[str]] = {}
        self.sight: tuple[Concern, ...] = ()
        self.watch: Watch | None = None

    def see(self, *concerns: Concern, after: float = 0) -> list[tuple[str, str, str]]:
        """What follows when these are the problems `after` so many seconds."""
        self.now += timedelta(seconds=after)
        seen = replace(picture(*concerns), watch=self.watch)
        tracked = track(self.course, seen, now=self.now, url="", new_id=lambda _: f"i-{self.now:%H%M%S}")
        planned = plan(self.known, seen, self.routes, tracked.incident, self.now)
        is_over = tracked.incident is not None and tracked.incident.closed_at is not None
        self.known, self.course = planned.known, Course() if is_over else tracked
        self.next_at, self.told, self.sight = planned.next_at, planned.drafts, concerns
        return [(d.reason, d.code, " ".join(sorted(to))) for d, to in planned.drafts.items()]

    def acknowledge(self) -> None:
        assert self.course.incident is not None
        taken = acknowledge(self.course.incident, "asha", "on it", self.now)
        self.course = replace(self.course, incident=taken)

    def in_s(self) -> float | None:
        return (self.next_at - self.now).total_seconds() if self.next_at is not None else None


def route(*to: str, **more) -> Route:
    return Route(to=frozenset(to or ("chat",)), **more)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        pytest.param((), (FEED,), R.FIRST, id="a new problem"),
        pytest.param((), (concern(severity=Severity.WARNING),), R.FIRST, id="from warning on"),
        pytest.param((), (concern(severity=Severity.INFO),), None, id="info is not told"),
        pytest.param((FEED,), (FEED,), None, id="the same again"),
        pytest.param((FEED,), (AUTH, FEED), R.CAUSE_CHANGED, id="another cause leads"),
        pytest.param((AUTH,), (AUTH, FEED), None, id="another one behind it"),
        pytest.param((concern(severity=Severity.WARNING),), (FEED,), R.WORSE, id="worse"),
        pytest.param((FEED,), (concern(severity=Severity.WARNING),), None, id="lesser is not told"),
        pytest.param((), (concern(is_clearing=True),), None, id="on its way out is not told anew"),
        pytest.param((FEED,), (concern(is_clearing=True),), None, id="nor its end before it has ended"),
        pytest.param((FEED,), (concern("AUTH", is_clearing=True), FEED), None, id="nor in another's place"),
        pytest.param((FEED,), (), R.RECOVERED, id="over"),
        pytest.param((FEED,), (concern("AUTH", Severity.INFO),), R.RECOVERED, id="over, for info"),
        pytest.param((AUTH,), (concern("AUTH_REQUIRED", Severity.INFO),), None, id="less is not over"),
        pytest.param((), (concern(is_silenced=True),), None, id="a silenced problem"),
        pytest.param((), (concern("AUTH", is_silenced=True), FEED), R.FIRST, id="one behind a silenced one"),
        pytest.param((FEED,), (concern(is_silenced=True),), None, id="silenced is not over"),
        pytest.param((), (concern(is_suppressed=True),), None, id="an explained problem"),
        pytest.param((AUTH,), (concern(is_suppressed=True),), None, id="what it explained lasts"),
        pytest.param((), (concern(is_flapping=True),), R.FLAPPING, id="one that comes and goes"),
        pytest.param((FEED,), (concern(is_flapping=True),), R.FLAPPING, id="one that begins to"),
        pytest.param((concern(is_flapping=True),), (concern(is_flapping=True),), None, id="and goes on to"),
    ],
)
def test_each_change_is_told_with_its_reason_or_not_at_all(before, after, reason) -> None:
    desk = Desk()
    desk.see(*before)
    assert [said[0] for said in desk.see(*after, after=60)] == ([reason] if reason else [])


def test_what_another_explained_is_told_as_such_when_it_is_left() -> None:
    desk = Desk()
    assert desk.see(AUTH, concern(is_suppressed=True)) == [(R.FIRST, "AUTH_REQUIRED", "chat")]
    assert desk.see(concern(is_suppressed=True), after=1) == []
    assert desk.see(FEED, after=44) == [(R.UNSUPPRESSED, "FEED_STALE", "chat")]
    assert desk.see(AUTH, FEED, after=1) == [(R.CAUSE_CHANGED, "AUTH_REQUIRED", "chat")]


def test_what_comes_back_before_its_end_was_told_is_told_anew() -> None:
    desk = Desk()
    desk.see(AUTH, concern(is_suppressed=True))
    desk.see(concern(is_suppressed=True), after=1)
    assert desk.see(AUTH, concern(is_suppressed=True), after=1) == [(R.WORSE, "AUTH_REQUIRED", "chat")]


def test_the_end_says_since_when_and_belongs_to_the_incident() -> None:
    desk = Desk()
    desk.see(FEED, after=120)
    desk.see(AUTH, FEED, after=60)
    assert desk.see(after=60) == [(R.RECOVERED, "AUTH_REQUIRED", "chat")]
    (draft,) = desk.told
    assert (draft.began, draft.ended_at) == (NOON, NOON + timedelta(minutes=4))
    assert draft.incident.id == "i-063200"
    assert draft.incident.closed_at == draft.ended_at


RULES = frozenset({("feed-stale", None), ("auth-required", None)})


@pytest.mark.parametrize(
    ("watch", "lacks"),
    [
        pytest.param(Watch(frozenset({"feed", "auth"}), RULES), None, id="all that saw it are there"),
        pytest.param(Watch(frozenset({"auth"}), RULES), "no machine feed", id="its machine is not"),
        pytest.param(
            Watch(frozenset({"feed"}), frozenset({("feed-stale", "alpha")})),
            "no rule feed-stale",
            id="its rule is not there for its group",
        ),
    ],
)
def test_the_end_of_what_nobody_looks_at_any_more_is_no_recovery(watch, lacks) -> None:
    desk = Desk()
    desk.see(concern(machines=frozenset({"feed"})))
    desk.watch = watch
    reason = R.RECOVERED if lacks is None else R.UNWATCHED
    assert desk.see(after=60) == [(reason, "FEED_STALE", "chat")]
    (draft,) = desk.told
    assert draft.lacks == lacks


@pytest.mark.parametrize(
    ("at_its_end", "reason"),
    [
        pytest.param(frozenset({"feed"}), R.RECOVERED, id="it was seen to end"),
        pytest.param(frozenset(), R.UNWATCHED, id="it was not"),
    ],
)
def test_an_end_that_waits_for_the_morning_is_told_as_what_it_was(at_its_end, reason) -> None:
    desk = Desk(route(quiet=NIGHT), now=EVENING)
    light = concern(severity=Severity.WARNING, machines=frozenset({"feed"}))
    desk.now -= timedelta(hours=1)
    desk.see(light)
    desk.watch = Watch(at_its_end, RULES)
    assert desk.see(after=3700) == []
    desk.watch = Watch(frozenset(), RULES)
    in_s = desk.in_s()
    assert in_s is not None
    assert desk.see(after=in_s) == [(reason, "FEED_STALE", "chat")]


def test_it_is_the_machine_that_was_seen_last_that_counts() -> None:
    desk = Desk()
    desk.see(concern(machines=frozenset({"feed"})))
    desk.see(concern(machines=frozenset({"backup"})), after=60)
    desk.watch = Watch(frozenset({"backup"}), RULES)
    assert desk.see(concern(machines=frozenset({"feed"}), is_clearing=True), after=60) == []
    assert desk.see(after=60) == [(R.RECOVERED, "FEED_STALE", "chat")]


@pytest.mark.parametrize(
    ("words", "is_told"),
    [
        pytest.param({}, True, id="everything"),
        pytest.param({"severity": Severity.CRITICAL}, False, id="nothing so mild"),
        pytest.param({"rules": frozenset({"feed-stale", "other"})}, True, id="its rule among others"),
        pytest.param({"rules": frozenset({"other"})}, False, id="another rule"),
        pytest.param({"groups": frozenset({"alpha"})}, True, id="its group"),
        pytest.param({"groups": frozenset({"beta"})}, False, id="another group"),
        pytest.param({"machines": frozenset({"feed"})}, True, id="its machine"),
        pytest.param({"machines": frozenset({"auth"})}, False, id="another machine"),
        pytest.param({"session": frozenset({"LIVE"})}, True, id="the market's state"),
        pytest.param({"session": frozenset({"SESSION"})}, True, id="the market's reason"),
        pytest.param({"session": frozenset({"CLOSED"})}, False, id="another session"),
        pytest.param({"machines": frozenset({"feed"}), "groups": frozenset({"beta"})}, False, id="not all"),
    ],
)
def test_a_route_tells_what_all_its_words_name(words, is_told) -> None:
    desk = Desk(route("chat", **words))
    told = desk.see(concern(severity=Severity.WARNING, group="alpha", machine="feed"))
    assert bool(told) is is_told
    assert bool(desk.see(after=60)) is is_told


def test_each_hears_of_what_is_theirs_in_one_notice_where_it_is_the_same() -> None:
    desk = Desk(route("chat", "mail"), route("phone", rules=frozenset({"auth-required"})))
    assert desk.see(FEED) == [(R.FIRST, "FEED_STALE", "chat mail")]
    assert desk.see(AUTH, FEED, after=60) == [
        (R.CAUSE_CHANGED, "AUTH_REQUIRED", "chat mail"),
        (R.FIRST, "AUTH_REQUIRED", "phone"),
    ]
    assert desk.see(FEED, after=60) == [
        (R.CAUSE_CHANGED, "FEED_STALE", "chat mail"),
        (R.RECOVERED, "AUTH_REQUIRED", "phone"),
    ]
    assert desk.see(after=60) == [(R.RECOVERED, "FEED_STALE", "chat mail")]


def test_a_notifier_of_several_routes_is_told_once() -> None:
    desk = Desk(route("chat"), route("chat", severity=Severity.CRITICAL))
    assert desk.see(FEED) == [(R.FIRST, "FEED_STALE", "chat")]


def test_a_route_that_ends_with_the_session_is_no_recovery_and_its_end_is_told() -> None:
    desk = Desk(route("phone", session=frozenset({"LIVE"})))
    desk.see(AUTH)
    closed = concern("AUTH_REQUIRED", session=frozenset({"CLOSED"}))
    assert desk.see(closed, after=3600) == []
    assert desk.see(after=3600) == [(R.RECOVERED, "AUTH_REQUIRED", "phone")]


def test_trouble_with_one_account_does_not_hide_that_of_another() -> None:
    desk = Desk()
    alpha, beta = concern("AUTH_REQUIRED", group="alpha"), concern("FEED_STALE", group="beta")
    assert desk.see(alpha) == [(R.FIRST, "AUTH_REQUIRED", "chat")]
    assert desk.see(alpha, beta, after=60) == [(R.FIRST, "FEED_STALE", "chat")]
    assert desk.see(beta, after=60) == [(R.RECOVERED, "AUTH_REQUIRED", "chat")]
    assert desk.see(after=60) == [(R.RECOVERED, "FEED_STALE", "chat")]


# -- repeats ---------------------------------------------------------------------------------------


def test_a_problem_is_told_again_to_the_second_and_counted_from_the_last_word() -> None:
    desk = Desk(route(repeat=timedelta(minutes=30)))
    desk.see(FEED)
    assert desk.in_s() == 1800
    assert desk.see(FEED, after=1799.999) == []
    assert desk.see(FEED, after=0.001) == [(R.REPEAT, "FEED_STALE", "chat")]
    assert desk.see(AUTH, FEED, after=600) == [(R.CAUSE_CHANGED, "AUTH_REQUIRED", "chat")]
    assert desk.see(AUTH, FEED, after=1799) == []
    assert desk.in_s() == 1


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(concern(is_silenced=True), id="silenced"),
        pytest.param(concern(is_clearing=True), id="on its way out"),
        pytest.param(concern(severity=Severity.INFO), id="less than the route tells"),
    ],
)
def test_it_is_not_told_again_while_it_is_not_told_at_all(left) -> None:
    desk = Desk(route(repeat=timedelta(minutes=30)))
    desk.see(FEED)
    assert desk.see(left, after=7200) == []


def test_nor_once_somebody_is_at_it() -> None:
    desk = Desk(route(repeat=timedelta(minutes=30)))
    desk.see(FEED)
    desk.acknowledge()
    assert desk.see(FEED, after=7200) == []
    assert desk.in_s() is None
    assert desk.see(AUTH, FEED, after=60) == [(R.CAUSE_CHANGED, "AUTH_REQUIRED", "chat")]


# -- escalation ------------------------------------------------------------------------------------


def escalating(**more) -> Desk:
    return Desk(
        route("chat", escalate=Escalation(after=timedelta(minutes=10), to=frozenset({"head"})), **more)
    )


def test_without_an_acknowledgement_others_hear_of_it_to_the_second_and_then_of_all_until_its_end() -> None:
    desk = escalating()
    desk.see(concern(severity=Severity.WARNING))
    assert desk.in_s() == 600
    assert desk.see(concern(severity=Severity.WARNING), after=599.999) == []
    assert desk.see(concern(severity=Severity.WARNING), after=0.001) == [(R.ESCALATED, "FEED_STALE", "head")]
    assert desk.see(FEED, after=60) == [(R.WORSE, "FEED_STALE", "chat head")]
    assert desk.see(after=60) == [(R.RECOVERED, "FEED_STALE", "chat head")]
    assert desk.see(FEED, after=60) == [(R.FIRST, "FEED_STALE", "chat")]


def test_an_acknowledgement_keeps_it_where_it_is() -> None:
    desk = escalating()
    desk.see(FEED)
    desk.acknowledge()
    assert desk.see(FEED, after=3600) == []
    assert desk.in_s() is None
    assert desk.see(after=60) == [(R.RECOVERED, "FEED_STALE", "chat")]


def test_a_change_of_cause_does_not_give_more_time_but_growing_worse_does() -> None:
    desk = escalating()
    desk.see(FEED)
    desk.see(AUTH, FEED, after=540)
    assert desk.see(AUTH, FEED, after=60) == [(R.ESCALATED, "AUTH_REQUIRED", "head")]
    again = escalating()
    again.see(concern(severity=Severity.WARNING))
    again.see(FEED, after=540)
    assert again.see(FEED, after=60) == []
    assert again.see(FEED, after=540) == [(R.ESCALATED, "FEED_STALE", "head")]


def test_what_is_over_in_time_is_not_escalated() -> None:
    desk = escalating()
    desk.see(FEED)
    desk.see(after=540)
    assert desk.see(after=3600) == []


# -- settling --------------------------------------------------------------------------------------


def test_what_comes_together_is_told_together() -> None:
    desk = Desk(route(settle=timedelta(seconds=5)))
    assert desk.see(FEED) == []
    assert desk.in_s() == 5
    assert desk.see(AUTH, FEED, after=4.999) == []
    assert desk.in_s() == pytest.approx(0.001)
    assert desk.see(AUTH, FEED, after=0.001) == [(R.FIRST, "AUTH_REQUIRED", "chat")]


def test_what_has_passed_before_it_was_told_is_not_told() -> None:
    desk = Desk(route(settle=timedelta(seconds=5)))
    desk.see(FEED)
    assert desk.see(after=4) == []
    assert desk.see(after=60) == []
    assert desk.see(FEED, after=60) == []
    assert desk.in_s() == 5


def test_an_end_does_not_wait_for_more() -> None:
    desk = Desk(route(settle=timedelta(seconds=5)))
    desk.see(FEED)
    desk.see(FEED, after=5)
    assert desk.see(after=60) == [(R.RECOVERED, "FEED_STALE", "chat")]


# -- quiet hours -----------------------------------------------------------------------------------

EVENING = datetime(2026, 11, 23, 16, 30, tzinfo=NOON.tzinfo)
"""22:00 in Kolkata."""
MILD = concern(severity=Severity.WARNING)


def test_at_night_what_is_not_critical_waits_for_the_end_and_is_looked_at_then() -> None:
    desk = Desk(route(quiet=NIGHT), now=EVENING)
    assert desk.see(MILD) == []
    assert desk.in_s() == 9 * 3600
    assert desk.see(MILD, after=9 * 3600 - 0.001) == []
    assert desk.see(MILD, after=0.001) == [(R.FIRST, "FEED_STALE", "chat")]


def test_what_ended_in_the_night_is_not_told_in_the_morning() -> None:
    desk = Desk(route(quiet=NIGHT), now=EVENING)
    desk.see(MILD)
    desk.see(after=3600)
    assert desk.see(after=8 * 3600) == []


def test_what_is_critical_is_told_at_night_and_so_is_its_end() -> None:
    desk = Desk(route(quiet=NIGHT), now=EVENING)
    assert desk.see(FEED) == [(R.FIRST, "FEED_STALE", "chat")]
    assert desk.see(MILD, after=60) == []
    assert desk.see(after=60) == [(R.RECOVERED, "FEED_STALE", "chat")]


def test_the_end_of_what_was_told_by_day_waits_too_and_says_when_it_was() -> None:
    desk = Desk(route(quiet=NIGHT), now=EVENING - timedelta(seconds=1))
    assert desk.see(MILD) == [(R.FIRST, "FEED_STALE", "chat")]
    assert desk.see(after=3601) == []
    assert desk.in_s() == 8 * 3600
    assert desk.see(after=8 * 3600) == [(R.RECOVERED, "FEED_STALE", "chat")]
    (draft,) = desk.told
    assert draft.ended_at == EVENING + timedelta(hours=1)


def test_another_route_without_quiet_hours_tells_it_to_the_same_notifier() -> None:
    desk = Desk(route(quiet=NIGHT), route(rules=frozenset({"feed-stale"})), now=EVENING)
    assert desk.see(MILD) == [(R.FIRST, "FEED_STALE", "chat")]
    assert desk.see(after=60) == [(R.RECOVERED, "FEED_STALE", "chat")]


@pytest.mark.parametrize(
    ("begins", "ends", "quiet"),
    [
        pytest.param(time(22), time(7), ["22:00", "23:59", "00:00", "06:59"], id="over midnight"),
        pytest.param(time(12), time(13), ["12:00", "12:59"], id="within a day"),
    ],
)
def test_quiet_hours_hold_from_their_first_second_to_before_their_last(begins, ends, quiet) -> None:
    hours = QuietHours(begins=begins, ends=ends, zone=ZoneInfo("Asia/Kolkata"))
    every = [datetime(2026, 11, 23, h, m, tzinfo=hours.zone) for h in range(24) for m in (0, 59)]
    assert {f"{at:%H:%M}" for at in every if hours.holds(at)} >= set(quiet)
    for at in every:
        end = hours.end_after(at)
        assert end > at
        assert end.astimezone(hours.zone).time() == ends
        assert not hours.holds(end)
        assert end - at <= timedelta(days=1)


def test_quiet_hours_end_on_days_on_which_the_clocks_change() -> None:
    berlin = QuietHours(begins=time(22), ends=time(2, 30), zone=ZoneInfo("Europe/Berlin"))
    before = datetime(2026, 3, 28, 22, 30, tzinfo=berlin.zone)
    assert before < berlin.end_after(before) <= before + timedelta(hours=5)


def test_a_notifier_that_is_left_out_knows_nothing_and_hears_of_it_once_it_is_back() -> None:
    ways = (route("chat", "mail"), route("mail"))
    desk = Desk(*without(ways, frozenset({"mail"})))
    assert desk.see(FEED) == [(R.FIRST, "FEED_STALE", "chat")]
    desk.routes = ways
    assert desk.see(FEED, after=60) == [(R.FIRST, "FEED_STALE", "mail")]
