"""Market time is counted whole: what was seen, and what was blind for which reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.health.availability import Count, Period, count
from agent.health.sight import Awake, Line, Record, Sight, look
from agent.model import Session

DAY = date(2026, 11, 23)
OPEN = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)
CLOSE = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SESSION = Session(DAY, OPEN, CLOSE)
MINUTE = timedelta(minutes=1)
EVENING = CLOSE + timedelta(hours=8)
RESPONSE = timedelta(minutes=15)


def at(minutes: float) -> datetime:
    return OPEN + minutes * MINUTE


def record(feed, auth=((-60, "VALID"),), awake=((-600, 600),), minded=(), known_since=-1e5) -> Record:
    return Record(
        known_since=at(known_since),
        feed=Line([(at(minutes), state) for minutes, state in feed]),
        logins=(Line([(at(minutes), state) for minutes, state in auth]),),
        awake=Awake([(at(start), at(end)) for start, end in awake]),
        sees={"CONNECTED"}.__contains__,
        is_logged_in={"VALID"}.__contains__,
        minded=[at(minutes) for minutes in minded],
    )


def counted(known: Record, *, sessions=(SESSION,), by=Period.DAY, now=EVENING) -> dict[str, Count]:
    return count(sessions, known, by, response=RESPONSE, now=now)


def of_the_day(known: Record, **more) -> Count:
    return counted(known, **more)["2026-11-23"]


def test_a_day_seen_from_bell_to_bell_is_all_there() -> None:
    found = of_the_day(record([(-10, "CONNECTED")]))
    assert found == Count(sessions=1, open=375 * MINUTE, seen=375 * MINUTE)
    assert found.availability == 1.0


def test_what_happens_outside_of_the_session_counts_nothing() -> None:
    known = record([(-30, "DISCONNECTED"), (-1, "CONNECTED"), (376, "STALE"), (400, "DISCONNECTED")])
    assert of_the_day(known).blind == timedelta(0)


def test_a_stall_that_the_agent_mends_is_healed_and_saves_the_rest_of_a_persons_time() -> None:
    found = of_the_day(record([(-10, "CONNECTED"), (60, "STALE"), (62, "CONNECTING"), (64, "CONNECTED")]))
    assert (found.feed, found.blind, found.outages, found.healed) == (4 * MINUTE, 4 * MINUTE, 1, 1)
    assert found.saved == RESPONSE - 4 * MINUTE


def test_what_heals_just_before_the_close_saves_no_more_than_the_market_has_left() -> None:
    found = of_the_day(record([(-10, "CONNECTED"), (370, "STALE"), (372, "CONNECTED")]))
    assert found.saved == 3 * MINUTE


def test_what_lasts_longer_than_a_person_needs_saves_nothing() -> None:
    found = of_the_day(record([(-10, "CONNECTED"), (60, "STALE"), (90, "CONNECTED")]))
    assert (found.healed, found.saved) == (1, timedelta(0))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        pytest.param({"minded": [61]}, "somebody took it on", id="minded"),
        pytest.param({"auth": [(-60, "VALID"), (60.5, "EXPIRED"), (63, "VALID")]}, "login", id="a login"),
        pytest.param({"awake": [(-600, 61), (62, 600)]}, "the agent was away", id="away meanwhile"),
    ],
)
def test_what_a_person_ended_has_not_healed(more, why) -> None:
    found = of_the_day(record([(-10, "CONNECTED"), (60, "STALE"), (64, "CONNECTED")], **more))
    assert (found.outages, found.healed, found.saved) == (1, 0, timedelta(0)), why


def test_what_only_the_close_ended_has_not_healed() -> None:
    found = of_the_day(record([(-10, "CONNECTED"), (360, "DISCONNECTED"), (375, "CONNECTED")]))
    assert (found.outages, found.healed) == (1, 0)


def test_blind_for_want_of_a_login_is_told_from_blind_for_the_feed() -> None:
    known = record([(-60, "DISCONNECTED"), (11, "CONNECTED")], auth=[(-60, "REQUIRED"), (10, "VALID")])
    found = of_the_day(known)
    assert (found.login, found.feed) == (10 * MINUTE, 1 * MINUTE)
    assert (found.late_logins, found.late) == (1, 10 * MINUTE)


def test_a_login_that_dies_at_noon_is_not_late() -> None:
    known = record([(-60, "CONNECTED"), (100, "DISCONNECTED")], auth=[(-60, "VALID"), (100, "EXPIRED")])
    found = of_the_day(known)
    assert (found.login, found.late_logins) == (275 * MINUTE, 0)


def test_a_login_that_never_came_is_late_until_the_close() -> None:
    found = of_the_day(record([(-60, "DISCONNECTED")], auth=[(-60, "REQUIRED")]))
    assert (found.late_logins, found.late) == (1, 375 * MINUTE)


def test_only_the_days_first_session_can_have_a_late_login() -> None:
    evening = Session(DAY, CLOSE + MINUTE, CLOSE + 61 * MINUTE)
    known = record([(-60, "CONNECTED"), (300, "DISCONNECTED")], auth=[(-60, "VALID"), (300, "EXPIRED")])
    known_too = of_the_day(known, sessions=[SESSION, evening])
    assert (known_too.sessions, known_too.late_logins) == (2, 0)


def test_unknown_is_blind() -> None:
    found = of_the_day(record([(-10, "CONNECTED"), (100, "UNKNOWN"), (110, "CONNECTED")]))
    assert found.unknown == 10 * MINUTE


def test_while_the_agent_was_away_nothing_is_believed_whatever_was_known_last() -> None:
    found = of_the_day(record([(-10, "CONNECTED")], awake=[(-60, 100), (160, 600)]))
    assert (found.away, found.seen) == (60 * MINUTE, 315 * MINUTE)


def test_before_the_agent_ever_ran_nothing_is_counted() -> None:
    known = record([(75, "CONNECTED")], awake=[(75, 600)], known_since=75)
    assert of_the_day(known).open == 300 * MINUTE
    assert counted(record([], awake=[], known_since=400)) == {}


def test_a_session_under_way_is_counted_until_now_and_one_to_come_not_at_all() -> None:
    known = record([(-10, "CONNECTED"), (50, "STALE")])
    assert of_the_day(known, now=at(60)).open == 60 * MINUTE
    assert of_the_day(known, now=at(60)).healed == 0
    assert counted(known, now=at(-1)) == {}


def test_a_day_without_a_session_has_no_row() -> None:
    assert counted(record([(-10, "CONNECTED")]), sessions=()) == {}


def test_months_are_the_sums_of_their_days_and_a_day_is_the_exchanges_own() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    late = datetime(2026, 12, 1, 0, 10, tzinfo=zone).astimezone(UTC)
    sessions = [SESSION, Session(date(2026, 12, 1), late, late + 10 * MINUTE)]
    known = record([(-10, "CONNECTED"), (30, "STALE"), (31, "CONNECTED")], awake=[(-60, 1e6)])
    found = counted(known, sessions=sessions, by=Period.MONTH, now=late + timedelta(days=1))
    assert list(found) == ["2026-11", "2026-12"]
    assert sum(found.values(), Count()).open == 385 * MINUTE


def test_a_session_across_a_change_of_daylight_saving_has_the_time_that_really_passed() -> None:
    zone = ZoneInfo("America/New_York")
    start = datetime(2026, 10, 31, 23, 0, tzinfo=zone).astimezone(UTC)
    end = datetime(2026, 11, 1, 5, 0, tzinfo=zone).astimezone(UTC)
    known = Record(
        known_since=start,
        feed=Line([(start, "CONNECTED"), (datetime(2026, 11, 1, 3, tzinfo=zone), "STALE")]),
        logins=(),
        awake=Awake([(start, end)]),
        sees={"CONNECTED"}.__contains__,
        is_logged_in={"VALID"}.__contains__,
    )
    session = Session(date(2026, 10, 31), start.astimezone(zone), end.astimezone(zone))
    [found] = counted(known, sessions=[session]).values()
    assert (found.open, found.feed) == (timedelta(hours=7), timedelta(hours=2))


# -- laws ------------------------------------------------------------------------------------

minutes = st.integers(-100, 500)
feed_states = st.sampled_from(["CONNECTED", "STALE", "CONNECTING", "DISCONNECTED", "UNKNOWN"])
auth_states = st.sampled_from(["VALID", "EXPIRED", "REQUIRED", "UNKNOWN"])
records = st.builds(
    record,
    st.lists(st.tuples(minutes, feed_states), max_size=12),
    st.lists(st.tuples(minutes, auth_states), max_size=6),
    st.lists(st.tuples(minutes, minutes), max_size=6),
    st.lists(minutes, max_size=3),
    st.integers(-200, 500),
)


@settings(max_examples=200, deadline=None)
@given(known=records, now=minutes)
def test_the_stretches_of_a_session_leave_nothing_out_and_tell_nothing_twice(known, now) -> None:
    stretches = look(SESSION, known, at(now))
    ends = [one.end for one in stretches]
    assert [one.start for one in stretches[1:]] == ends[:-1]
    assert all(one.start < one.end for one in stretches)
    if stretches:
        assert stretches[0].start == max(OPEN, known.known_since)
        assert ends[-1] == min(CLOSE, at(now))
    else:
        assert min(CLOSE, at(now)) <= max(OPEN, known.known_since)


@settings(max_examples=200, deadline=None)
@given(known=records, now=minutes)
def test_every_moment_has_the_sight_of_its_stretch(known, now) -> None:
    for one in look(SESSION, known, at(now)):
        middle = one.start + one.length / 2
        assert {known.sight(one.start), known.sight(middle)} == {one.sight}


@settings(max_examples=200, deadline=None)
@given(known=records, now=minutes)
def test_the_parts_make_up_the_market_time(known, now) -> None:
    whole = sum(counted(known, now=at(now)).values(), Count())
    assert whole.seen + whole.login + whole.feed + whole.unknown + whole.away == whole.open
    assert whole.healed <= whole.outages
    assert timedelta(0) <= whole.saved <= whole.healed * RESPONSE
    assert whole.late <= whole.open + (known.known_since - OPEN if known.known_since > OPEN else timedelta(0))


@settings(max_examples=100, deadline=None)
@given(known=records, now=minutes)
def test_to_be_away_longer_never_makes_it_look_better(known, now) -> None:
    less = Record(**{**{name: getattr(known, name) for name in Record.__slots__}, "awake": Awake([])})
    seen = sum(counted(known, now=at(now)).values(), Count()).seen
    assert sum(counted(less, now=at(now)).values(), Count()).seen == timedelta(0) <= seen
    assert {one.sight for one in look(SESSION, less, at(now))} <= {Sight.AWAY}
