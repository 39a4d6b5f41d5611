"""Day by day beside every library that covers the exchange; each disagreement is in docs/market.md."""

from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from plugins.market.library import load_calendar
from plugins.market.phases import State

DOCS = Path(__file__).parents[3] / "docs" / "market.md"
DAYS = [date(2025, 1, 1) + timedelta(days=number) for number in range(730)]
BUDGET = {date(2025, 2, 1), date(2026, 2, 1)}
MUHURAT = date(2025, 10, 21)
ELECTION = date(2026, 1, 15)


@cache
def ours(segment: str) -> frozenset[date]:
    calendar = load_calendar(segment)
    return frozenset(
        day for day in DAYS if any(item.phase.state is State.LIVE for item in calendar.sessions(day))
    )


def exchange_calendars_sessions(code: str) -> set[date]:
    library = pytest.importorskip("exchange_calendars")
    calendar = library.get_calendar(code, start="2025-01-01", end="2026-12-31")
    return {session.date() for session in calendar.sessions}


def pandas_market_calendars_sessions(code: str) -> set[date]:
    library = pytest.importorskip("pandas_market_calendars")
    calendar = library.get_calendar(code)
    return {session.date() for session in calendar.schedule("2025-01-01", "2026-12-31").index}


def holidays_sessions(code: str) -> set[date]:
    library = pytest.importorskip("holidays")
    closed = library.financial_holidays(code, years=[2025, 2026])
    return {day for day in DAYS if day.weekday() < 5 and day not in closed}


DISAGREEMENTS = [
    pytest.param(
        exchange_calendars_sessions, "XBOM", "BSE_EQ", BUDGET | {MUHURAT}, set(), id="exchange-calendars"
    ),
    pytest.param(
        pandas_market_calendars_sessions, "NSE", "NSE_EQ", BUDGET, set(), id="pandas-market-calendars NSE"
    ),
    pytest.param(
        pandas_market_calendars_sessions,
        "BSE",
        "BSE_EQ",
        BUDGET | {MUHURAT},
        set(),
        id="pandas-market-calendars BSE",
    ),
    pytest.param(holidays_sessions, "XNSE", "NSE_EQ", BUDGET | {MUHURAT}, {ELECTION}, id="holidays XNSE"),
    pytest.param(holidays_sessions, "XBOM", "BSE_EQ", BUDGET | {MUHURAT}, {ELECTION}, id="holidays XBOM"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("sessions", "code", "segment", "only_ours", "only_theirs"), DISAGREEMENTS)
def test_every_day_of_two_years_agrees_but_for_those_explained(
    sessions, code, segment, only_ours, only_theirs
):
    theirs = sessions(code)
    assert ours(segment) - theirs == only_ours
    assert theirs - ours(segment) == only_theirs


def test_each_disagreement_is_in_the_documentation():
    text = DOCS.read_text()
    for day in (*BUDGET, MUHURAT, ELECTION, date(2026, 11, 8)):
        assert f"| {day.isoformat()} " in text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("segment", ["NSE_EQ", "BSE_EQ"])
def test_the_hours_of_an_ordinary_day_are_those_of_the_library(segment):
    library = pytest.importorskip("exchange_calendars")
    theirs = library.get_calendar("XBOM", start="2025-01-01", end="2026-12-31")
    calendar = load_calendar(segment)
    for day in sorted(ours(segment) - BUDGET - {MUHURAT}):
        live = [item for item in calendar.sessions(day) if item.phase.state is State.LIVE]
        assert live[0].start == theirs.session_open(str(day)).to_pydatetime()
        assert live[-1].end == theirs.session_close(str(day)).to_pydatetime()


FOREIGN = [
    ("XNYS", "2026-03-06T14:29:59Z", "CLOSED", "BEFORE_HOURS"),  # winter: opens 14:30 UTC
    ("XNYS", "2026-03-06T14:30:00Z", "LIVE", "SESSION"),
    ("XNYS", "2026-03-09T13:29:59Z", "CLOSED", "BEFORE_HOURS"),  # summer: 13:30 UTC
    ("XNYS", "2026-03-09T13:30:00Z", "LIVE", "SESSION"),
    ("XNYS", "2026-11-26T15:00:00Z", "CLOSED", "HOLIDAY"),
    ("XNYS", "2026-11-27T17:59:59Z", "LIVE", "SESSION"),  # closes early
    ("XNYS", "2026-11-27T18:00:00Z", "CLOSED", "AFTER_HOURS"),
    ("XNYS", "2026-11-28T15:00:00Z", "CLOSED", "WEEKEND"),
    ("XNYS", "2024-02-29T15:00:00Z", "LIVE", "SESSION"),
    ("XHKG", "2026-11-23T04:30:00Z", "CLOSED", "BREAK"),
    ("XHKG", "2026-11-23T05:00:00Z", "LIVE", "SESSION"),
    ("CMES", "2026-11-24T05:00:00Z", "LIVE", "SESSION"),  # a session over midnight
    ("XNYS", "2199-01-01T15:00:00Z", "UNKNOWN", "OUT_OF_CALENDAR"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("segment", "at", "state", "reason"), FOREIGN)
def test_another_exchange_comes_from_the_optional_library(segment, at, state, reason):
    pytest.importorskip("exchange_calendars")
    phase = foreign(segment).phase_at(datetime.fromisoformat(at))
    assert (phase.state, phase.reason) == (state, reason)


@cache
def foreign(segment: str):
    return load_calendar(segment)


@pytest.mark.filterwarnings("ignore")
def test_a_year_of_another_exchange_is_open_exactly_when_the_library_says():
    library = pytest.importorskip("exchange_calendars")
    theirs, calendar = library.get_calendar("XNYS"), foreign("XNYS")
    for number in range(365):
        day = date(2026, 1, 1) + timedelta(days=number)
        live = [item for item in calendar.day(day) if item.phase.state is State.LIVE]
        assert bool(live) == theirs.is_session(str(day))
        if live:
            assert live[0].start == theirs.session_open(str(day)).to_pydatetime()
            assert live[-1].end == theirs.session_close(str(day)).to_pydatetime()
