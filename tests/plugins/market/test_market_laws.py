"""What holds of every calendar at every instant."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.market.library import load_calendar, shipped_segments
from plugins.market.phases import State

SEGMENTS = sorted(shipped_segments())
ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Kiritimati", "Australia/Lord_Howe"]

segments = st.sampled_from(SEGMENTS)
instants = st.datetimes(
    datetime(2024, 12, 30), datetime(2027, 1, 3), timezones=st.just(UTC)
)  # fmt: skip
few = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_phases_partition_time(segment):
    calendar = load_calendar(segment)
    first, last = calendar.about.valid_from, calendar.about.valid_through
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    stretches = [item for day in days for item in calendar.day(day)]
    assert all(item.start < item.end for item in stretches)
    assert all(a.end == b.start for a, b in pairwise(stretches))
    assert all(calendar.phase_at(item.start) == item.phase for item in stretches)
    assert all(calendar.next_change(item.start) >= item.end for item in stretches)
    assert calendar.phase_at(stretches[0].start - timedelta(microseconds=1)).state is State.UNKNOWN
    assert calendar.phase_at(stretches[-1].end).state is State.UNKNOWN


@few
@given(segments, instants, st.floats(0, 1, exclude_max=True))
def test_the_next_change_is_the_first_instant_with_another_phase(segment, instant, part):
    calendar = load_calendar(segment)
    change = calendar.next_change(instant)
    if change is None:
        assert calendar.phase_at(instant + timedelta(days=3650)) == calendar.phase_at(instant)
        return
    assert change > instant
    last = change - timedelta(microseconds=1)
    between = min(instant + (change - instant) * part, last)
    assert calendar.phase_at(instant) == calendar.phase_at(between) == calendar.phase_at(last)
    assert calendar.phase_at(change) != calendar.phase_at(instant)


@few
@given(segments, instants, st.sampled_from(ZONES), st.integers(-23 * 60, 23 * 60))
def test_every_answer_is_equal_however_the_instant_is_written(segment, instant, zone, minutes):
    calendar = load_calendar(segment)
    written = [
        instant,
        instant.astimezone(ZoneInfo(zone)),
        instant.astimezone(timezone(timedelta(minutes=minutes))),
    ]
    for ask in (calendar.phase_at, calendar.next_change, calendar.next_open, calendar.next_close):
        assert len({ask(each) for each in written}) == 1


@few
@given(segments, instants)
def test_the_next_open_goes_live_and_the_next_close_ceases_to_be(segment, instant):
    calendar, moment = load_calendar(segment), timedelta(microseconds=1)
    opens, closes = calendar.next_open(instant), calendar.next_close(instant)
    if opens is not None:
        assert calendar.phase_at(opens).state is State.LIVE
        assert calendar.phase_at(opens - moment).state is not State.LIVE
    if closes is not None:
        assert calendar.phase_at(closes).state is not State.LIVE
        assert calendar.phase_at(closes - moment).state is State.LIVE
    if opens is not None and closes is not None:
        is_live = calendar.phase_at(instant).state is State.LIVE
        assert (closes < opens) is is_live


@few
@given(segments, st.dates(date(2025, 1, 1), date(2026, 12, 31)))
def test_a_weekend_has_a_session_only_where_one_is_named(segment, day):
    calendar, rules = load_calendar(segment), shipped_segments()[segment]
    if day.weekday() >= 5 and day not in rules.specials:
        assert calendar.sessions(day) == ()


HOST = """
import os, sys, time
os.environ["TZ"] = sys.argv[1]
time.tzset()
from datetime import UTC, datetime
from plugins.market.library import load_calendar
calendar = load_calendar("MCX")
for at in ("2026-03-09T23:29:59+05:30", "2026-03-09T23:30:00+05:30", "2026-11-02T18:24:59+00:00"):
    instant = datetime.fromisoformat(at)
    print(calendar.phase_at(instant).state, calendar.next_change(instant), calendar.next_open(instant))
"""


def test_the_hosts_zone_makes_no_difference():
    told = {
        subprocess.run([sys.executable, "-c", HOST, zone], capture_output=True, text=True, check=True).stdout
        for zone in ("UTC", "America/New_York", "Asia/Kolkata")
    }
    assert len(told) == 1
    assert told.pop().split()[0] == "LIVE"
