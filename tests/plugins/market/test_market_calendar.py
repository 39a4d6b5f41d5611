"""What the shipped calendars say, on both sides of every boundary."""

from datetime import UTC, date, datetime, timedelta

import pytest

from plugins.market.library import load_calendar, shipped_segments
from plugins.market.phases import Confidence, Reason, State

IST = timedelta(hours=5, minutes=30)
SEGMENTS = sorted(shipped_segments())


def ist(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+05:30")


def said(segment: str, at: str) -> tuple[str, str, str | None]:
    phase = load_calendar(segment).phase_at(ist(at))
    return str(phase.state), str(phase.reason), phase.name


EQUITY_DAY = [
    ("2026-07-31T00:00:00", "CLOSED", "BEFORE_HOURS", None),
    ("2026-07-31T08:59:59", "CLOSED", "BEFORE_HOURS", None),
    ("2026-07-31T09:00:00", "PRE_OPEN", "SESSION", "pre_open"),
    ("2026-07-31T09:14:59.999999", "PRE_OPEN", "SESSION", "pre_open"),
    ("2026-07-31T09:15:00", "LIVE", "SESSION", "continuous"),
    ("2026-07-31T15:29:59.999999", "LIVE", "SESSION", "continuous"),
    ("2026-07-31T15:30:00", "CLOSED", "AFTER_HOURS", None),
    ("2026-07-31T15:39:59", "CLOSED", "AFTER_HOURS", None),
    ("2026-07-31T15:40:00", "CLOSED", "AFTER_HOURS", "post_close"),
    ("2026-07-31T15:59:59", "CLOSED", "AFTER_HOURS", "post_close"),
    ("2026-07-31T16:00:00", "CLOSED", "AFTER_HOURS", None),
    ("2026-07-31T23:59:59", "CLOSED", "AFTER_HOURS", None),
    ("2026-08-01T00:00:00", "CLOSED", "WEEKEND", None),
    ("2026-08-02T23:59:59", "CLOSED", "WEEKEND", None),
    ("2026-08-03T00:00:00", "CLOSED", "BEFORE_HOURS", None),
]


@pytest.mark.parametrize(("at", "state", "reason", "phase"), EQUITY_DAY)
@pytest.mark.parametrize("segment", ["NSE_EQ", "NSE_EQ_FNO", "BSE_EQ"])
def test_an_equity_day_is_told_to_the_second(segment, at, state, reason, phase):
    assert said(segment, at) == (state, reason, phase)


BOUNDARIES = [
    # the closing auction of shares with derivatives begins on 2026-08-03
    ("NSE_EQ_FNO", "2026-07-31T15:20:00", "LIVE", "SESSION", "continuous"),
    ("NSE_EQ_FNO", "2026-08-03T15:14:59", "LIVE", "SESSION", "continuous"),
    ("NSE_EQ_FNO", "2026-08-03T15:15:00", "LIVE", "SESSION", "closing_auction"),
    ("NSE_EQ_FNO", "2026-08-03T15:34:59", "LIVE", "SESSION", "closing_auction"),
    ("NSE_EQ_FNO", "2026-08-03T15:35:00", "CLOSED", "AFTER_HOURS", None),
    ("NSE_EQ", "2026-08-03T15:29:59", "LIVE", "SESSION", "continuous"),
    ("NSE_EQ", "2026-08-03T15:30:00", "CLOSED", "AFTER_HOURS", None),
    ("BSE_EQ", "2026-08-03T15:50:00", "CLOSED", "AFTER_HOURS", "post_close"),
    # ... and moves on 2026-12-07
    ("NSE_EQ_FNO", "2026-12-04T15:15:00", "LIVE", "SESSION", "closing_auction"),
    ("NSE_EQ_FNO", "2026-12-07T15:15:00", "LIVE", "SESSION", "continuous"),
    ("NSE_EQ_FNO", "2026-12-07T15:30:00", "LIVE", "SESSION", "closing_auction"),
    ("NSE_EQ_FNO", "2026-12-07T15:40:00", "CLOSED", "AFTER_HOURS", None),
    # derivatives: a pre-open since 2025-12-08, longer hours since 2026-08-03 and 2026-12-07
    ("NSE_FO", "2025-12-05T09:10:00", "CLOSED", "BEFORE_HOURS", None),
    ("NSE_FO", "2025-12-08T09:10:00", "PRE_OPEN", "SESSION", "pre_open"),
    ("NSE_FO", "2026-07-31T15:30:00", "CLOSED", "AFTER_HOURS", None),
    ("NSE_FO", "2026-08-03T15:39:59", "LIVE", "SESSION", "continuous"),
    ("NSE_FO", "2026-08-03T15:40:00", "CLOSED", "AFTER_HOURS", None),
    ("NSE_FO", "2026-12-07T15:44:59", "LIVE", "SESSION", "continuous"),
    ("NSE_FO", "2026-12-07T15:45:00", "CLOSED", "AFTER_HOURS", None),
    # currency
    ("NSE_CD", "2026-07-31T08:59:59", "CLOSED", "BEFORE_HOURS", None),
    ("NSE_CD", "2026-07-31T09:00:00", "LIVE", "SESSION", "continuous"),
    ("NSE_CD", "2026-07-31T16:59:59", "LIVE", "SESSION", "continuous"),
    ("NSE_CD", "2026-07-31T17:00:00", "CLOSED", "AFTER_HOURS", None),
    ("NSE_CD", "2026-08-26T12:00:00", "CLOSED", "HOLIDAY", None),
    ("NSE_EQ", "2026-08-26T12:00:00", "LIVE", "SESSION", "continuous"),
    ("NSE_CD", "2025-09-05T12:00:00", "LIVE", "SESSION", "continuous"),
    ("NSE_CD", "2025-09-08T12:00:00", "CLOSED", "HOLIDAY", None),
    # commodity: the close follows New York's clocks, forward on 2026-03-08, back on 2026-11-01
    ("MCX", "2026-03-06T23:54:59", "LIVE", "SESSION", "evening"),
    ("MCX", "2026-03-06T23:55:00", "CLOSED", "AFTER_HOURS", None),
    ("MCX", "2026-03-09T23:29:59", "LIVE", "SESSION", "evening"),
    ("MCX", "2026-03-09T23:30:00", "CLOSED", "AFTER_HOURS", None),
    ("MCX", "2026-10-30T23:30:00", "CLOSED", "AFTER_HOURS", None),
    ("MCX", "2026-11-02T23:30:00", "LIVE", "SESSION", "evening"),
    ("MCX", "2025-03-07T23:54:59", "LIVE", "SESSION", "evening"),
    ("MCX", "2025-03-10T23:30:00", "CLOSED", "AFTER_HOURS", None),
    ("MCX", "2025-10-31T23:30:00", "CLOSED", "AFTER_HOURS", None),
    ("MCX", "2025-11-03T23:54:59", "LIVE", "SESSION", "evening"),
    ("MCX", "2026-11-23T08:44:59", "CLOSED", "BEFORE_HOURS", None),
    ("MCX", "2026-11-23T08:45:00", "CLOSED", "BEFORE_HOURS", "order_cancellation"),
    ("MCX", "2026-11-23T16:59:59", "LIVE", "SESSION", "morning"),
    ("MCX", "2026-11-23T17:00:00", "LIVE", "SESSION", "evening"),
    ("NSE_COM", "2026-11-23T23:54:59", "LIVE", "SESSION", "evening"),
    # half-day holidays
    ("MCX", "2026-03-03T08:30:00", "CLOSED", "BEFORE_HOURS", None),
    ("MCX", "2026-03-03T08:59:30", "CLOSED", "HOLIDAY", None),
    ("MCX", "2026-03-03T16:59:59", "CLOSED", "HOLIDAY", None),
    ("MCX", "2026-03-03T17:00:00", "LIVE", "SESSION", "evening"),
    ("MCX", "2026-01-15T10:00:00", "CLOSED", "HOLIDAY", None),
    ("MCX", "2026-01-15T17:00:00", "LIVE", "SESSION", "evening"),
    ("MCX", "2026-01-01T16:59:59", "LIVE", "SESSION", "morning"),
    ("MCX", "2026-01-01T17:00:00", "CLOSED", "HOLIDAY", None),
    ("MCX", "2026-01-26T18:00:00", "CLOSED", "HOLIDAY", None),
    ("NSE_COM", "2026-11-24T12:00:00", "CLOSED", "HOLIDAY", None),
    ("NSE_COM", "2026-11-24T17:00:00", "LIVE", "SESSION", "evening"),
    # a holiday that was told three days ahead
    ("NSE_EQ", "2026-01-15T10:00:00", "CLOSED", "HOLIDAY", None),
    ("NSE_FO", "2026-01-15T10:00:00", "CLOSED", "HOLIDAY", None),
    ("BSE_EQ", "2026-01-15T10:00:00", "CLOSED", "HOLIDAY", None),
    # special sessions come before the weekend and the holiday
    ("NSE_EQ", "2025-02-01T09:14:59", "PRE_OPEN", "SPECIAL_SESSION", "pre_open"),
    ("NSE_EQ", "2025-02-01T09:15:00", "LIVE", "SPECIAL_SESSION", "continuous"),
    ("NSE_CD", "2025-02-01T12:00:00", "CLOSED", "WEEKEND", None),
    ("NSE_FO", "2025-02-01T09:14:59", "CLOSED", "BEFORE_HOURS", None),
    ("NSE_FO", "2026-02-01T09:14:59", "PRE_OPEN", "SPECIAL_SESSION", "pre_open"),
    ("NSE_EQ", "2026-02-01T15:29:59", "LIVE", "SPECIAL_SESSION", "continuous"),
    ("NSE_EQ", "2026-02-01T15:30:00", "CLOSED", "AFTER_HOURS", None),
    ("MCX", "2026-02-01T16:59:59", "LIVE", "SPECIAL_SESSION", "morning"),
    ("MCX", "2026-02-01T17:00:00", "CLOSED", "AFTER_HOURS", None),
    ("NSE_COM", "2026-02-01T17:00:00", "CLOSED", "AFTER_HOURS", None),
    ("NSE_EQ", "2025-10-21T10:00:00", "CLOSED", "BEFORE_HOURS", None),
    ("NSE_EQ", "2025-10-21T13:30:00", "PRE_OPEN", "SPECIAL_SESSION", "pre_open"),
    ("NSE_EQ", "2025-10-21T13:45:00", "LIVE", "SPECIAL_SESSION", "continuous"),
    ("NSE_EQ", "2025-10-21T14:45:00", "CLOSED", "AFTER_HOURS", None),
    ("NSE_EQ", "2025-10-21T14:55:00", "CLOSED", "AFTER_HOURS", "post_close"),
    ("NSE_FO", "2025-10-21T13:44:59", "CLOSED", "BEFORE_HOURS", None),
    ("NSE_FO", "2025-10-21T13:45:00", "LIVE", "SPECIAL_SESSION", "continuous"),
    ("MCX", "2025-10-21T18:00:00", "CLOSED", "AFTER_HOURS", None),
    # the year's ends, and the calendar's
    ("NSE_EQ", "2025-12-31T15:29:59", "LIVE", "SESSION", "continuous"),
    ("NSE_EQ", "2026-01-01T09:15:00", "LIVE", "SESSION", "continuous"),
    ("NSE_EQ", "2024-12-31T23:59:59.999999", "UNKNOWN", "OUT_OF_CALENDAR", None),
    ("NSE_EQ", "2025-01-01T00:00:00", "CLOSED", "BEFORE_HOURS", None),
    ("NSE_EQ", "2026-12-31T23:59:59.999999", "CLOSED", "AFTER_HOURS", None),
    ("NSE_EQ", "2027-01-01T00:00:00", "UNKNOWN", "OUT_OF_CALENDAR", None),
    ("NSE_EQ", "2027-01-02T12:00:00", "UNKNOWN", "OUT_OF_CALENDAR", None),
]


@pytest.mark.parametrize(("segment", "at", "state", "reason", "phase"), BOUNDARIES)
def test_each_boundary_is_right_on_both_sides(segment, at, state, reason, phase):
    assert said(segment, at) == (state, reason, phase)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_the_muhurat_of_2026_is_unknown_for_its_whole_day_and_no_longer(segment):
    calendar = load_calendar(segment)
    before = calendar.phase_at(ist("2026-11-07T23:59:59"))
    during = {calendar.phase_at(ist(f"2026-11-08T{hour:02}:30:00")) for hour in range(24)}
    after = calendar.phase_at(ist("2026-11-09T00:00:00"))
    assert before.reason is Reason.WEEKEND
    assert {phase.state for phase in during} == {State.UNKNOWN}
    assert {phase.occasion for phase in during} == {"Muhurat trading"}
    assert after.reason is Reason.BEFORE_HOURS


NEXT_OPENS = [
    ("NSE_EQ", "2026-11-23T09:14:59", "2026-11-23T09:15:00"),
    ("NSE_EQ", "2026-11-23T09:15:00", "2026-11-25T09:15:00"),  # a holiday between
    ("NSE_EQ", "2026-10-30T16:00:00", "2026-11-02T09:15:00"),  # a weekend between
    ("NSE_EQ", "2026-01-30T16:00:00", "2026-02-01T09:15:00"),  # a Sunday with a session
    ("NSE_EQ", "2025-10-20T16:00:00", "2025-10-21T13:45:00"),  # Muhurat on a holiday
    ("NSE_EQ", "2025-12-31T16:00:00", "2026-01-01T09:15:00"),
    ("MCX", "2026-03-02T23:56:00", "2026-03-03T17:00:00"),
    ("MCX", "2026-11-23T09:00:00", "2026-11-24T17:00:00"),  # morning to evening is no new open
]


@pytest.mark.parametrize(("segment", "at", "opens"), NEXT_OPENS)
def test_the_next_open_passes_over_the_days_without_a_session(segment, at, opens):
    assert load_calendar(segment).next_open(ist(at)) == ist(opens)


def test_the_next_close_is_the_end_of_what_is_live_not_of_a_phase():
    assert load_calendar("MCX").next_close(ist("2026-11-23T10:00:00")) == ist("2026-11-23T23:55:00")
    auction = load_calendar("NSE_EQ_FNO")
    assert auction.next_close(ist("2026-08-03T15:00:00")) == ist("2026-08-03T15:35:00")
    assert auction.next_close(ist("2026-08-03T15:35:00")) == ist("2026-08-04T15:35:00")


def test_past_the_last_session_there_is_no_next_open_and_past_the_last_day_no_next_change():
    calendar = load_calendar("NSE_EQ")
    assert calendar.next_open(ist("2026-12-31T09:15:00")) is None
    assert calendar.next_change(ist("2026-12-31T16:00:00")) == ist("2027-01-01T00:00:00")
    assert calendar.next_change(ist("2027-01-01T00:00:00")) is None
    assert calendar.next_change(ist("1999-01-01T00:00:00")) == ist("2025-01-01T00:00:00")


def test_a_day_with_unknown_hours_before_the_next_open_is_told():
    unknown = load_calendar("NSE_EQ").next_unknown(ist("2026-11-07T12:00:00"))
    assert unknown is not None
    assert unknown.start == ist("2026-11-08T00:00:00")
    assert load_calendar("NSE_EQ").next_unknown(ist("2026-11-09T00:00:00")) is None


def test_the_sessions_of_a_day_are_its_phases_in_order():
    sessions = load_calendar("NSE_EQ_FNO").sessions(date(2026, 8, 3))
    assert [(item.phase.name, item.start + IST, item.end + IST) for item in sessions] == [
        ("pre_open", wall("09:00"), wall("09:15")),
        ("continuous", wall("09:15"), wall("15:15")),
        ("closing_auction", wall("15:15"), wall("15:35")),
        ("post_close", wall("15:50"), wall("16:00")),
    ]
    assert load_calendar("NSE_EQ_FNO").sessions(date(2026, 8, 2)) == ()


def wall(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-08-03T{text}").replace(tzinfo=UTC)


def test_an_instant_without_a_zone_is_refused():
    calendar = load_calendar("NSE_EQ")
    for ask in (calendar.phase_at, calendar.next_change, calendar.next_open, calendar.next_close):
        with pytest.raises(ValueError, match="has no zone"):
            ask(datetime(2026, 11, 23, 9, 15))


@pytest.mark.parametrize(("segment", "year"), [("NSE_EQ", 2025), ("NSE_EQ", 2026), ("BSE_EQ", 2026)])
def test_the_number_of_sessions_is_weekdays_less_holidays_and_special_days_more(segment, year):
    calendar, rules = load_calendar(segment), shipped_segments()[segment]
    days = [date(year, 1, 1) + timedelta(days=number) for number in range(365)]
    weekdays = {day for day in days if day.weekday() < 5}
    special = {day for day, item in rules.specials.items() if item.hours != "unknown"}
    expected = (weekdays - rules.holidays.keys()) | {day for day in special if day.year == year}
    assert {day for day in days if any(s.phase.is_open for s in calendar.sessions(day))} == expected


def test_what_rests_on_a_source_at_second_hand_says_so():
    calendar = load_calendar("NSE_FO")
    assert calendar.phase_at(ist("2026-12-07T10:00:00")).confidence is Confidence.MEDIUM
    assert calendar.phase_at(ist("2026-12-04T10:00:00")).confidence is Confidence.HIGH


@pytest.mark.parametrize("segment", SEGMENTS)
def test_every_session_and_every_holiday_has_a_source(segment):
    calendar = load_calendar(segment)
    day = calendar.about.valid_from
    while day <= calendar.about.valid_through:
        for item in calendar.day(day):
            if item.phase.name or item.phase.reason is Reason.HOLIDAY:
                assert item.phase.source
        day += timedelta(days=1)
