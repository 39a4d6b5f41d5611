"""An operator's overlay adds and corrects days without touching the shipped files."""

from datetime import datetime

import pytest

from agent.api import ConfigError
from plugins.market.library import load_calendar
from plugins.market.phases import Reason, State

MUHURAT = """\
[[special]]
segments = ["NSE_EQ", "NSE_FO"]
date = 2026-11-08
name = "Muhurat trading"
phases = [
  { phase = "pre_open", start = 18:00:00, end = 18:15:00 },
  { phase = "continuous", start = 18:15:00, end = 19:15:00 },
]
source = "NSE circular, read by the desk"
"""


@pytest.fixture
def overlaid(tmp_path):
    def overlaid(text: str, segment: str = "NSE_EQ"):
        path = tmp_path / "overlay.toml"
        path.write_text(text)
        return load_calendar(segment, path)

    return overlaid


def days(table: str, date: str, name: str, segment: str = "NSE_EQ") -> str:
    day = f'{{ date = {date}, name = "{name}" }}'
    return f'[[{table}]]\nsegments = ["{segment}"]\ndays = [{day}]\nsource = "NSE"\n'


def ist(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+05:30")


def test_it_gives_an_unknown_day_its_hours(overlaid):
    calendar = overlaid(MUHURAT)
    assert calendar.phase_at(ist("2026-11-08T12:00:00")).reason is Reason.BEFORE_HOURS
    assert calendar.phase_at(ist("2026-11-08T18:15:00")).state is State.LIVE
    assert calendar.next_open(ist("2026-11-07T12:00:00")) == ist("2026-11-08T18:15:00")
    assert calendar.next_unknown(ist("2026-11-07T12:00:00")) is None


def test_it_leaves_the_segments_that_it_does_not_name(overlaid):
    assert overlaid(MUHURAT, "MCX").phase_at(ist("2026-11-08T18:30:00")).state is State.UNKNOWN
    assert load_calendar("NSE_EQ").phase_at(ist("2026-11-08T18:30:00")).state is State.UNKNOWN


def test_it_adds_a_holiday(overlaid):
    calendar = overlaid(days("holidays", "2026-12-04", "A day of mourning"))
    phase = calendar.phase_at(ist("2026-12-04T10:00:00"))
    assert (phase.reason, phase.occasion) == (Reason.HOLIDAY, "A day of mourning")


def test_it_makes_a_holiday_an_ordinary_day(overlaid):
    calendar = overlaid(days("ordinary", "2026-12-25", "moved"))
    assert calendar.phase_at(ist("2026-12-25T10:00:00")).state is State.LIVE


def test_it_changes_the_hours_from_a_day_on(overlaid):
    calendar = overlaid(
        '[[hours]]\nsegments = ["NSE_FO"]\nfrom = 2026-12-07\nsource = "postponed"\n'
        'phases = [{ phase = "continuous", start = 09:15:00, end = 15:40:00 }]\n',
        "NSE_FO",
    )
    assert calendar.next_close(ist("2026-12-07T10:00:00")) == ist("2026-12-07T15:40:00")
    assert calendar.next_close(ist("2026-12-04T10:00:00")) == ist("2026-12-04T15:40:00")


def test_it_moves_the_horizon_and_may_then_name_days_beyond_ours(overlaid):
    calendar = overlaid(
        '[[horizon]]\nsegments = ["NSE_EQ"]\nthrough = 2027-12-31\nsource = "NSE list of 2027"\n'
        + days("holidays", "2027-01-26", "Republic Day")
    )
    assert calendar.phase_at(ist("2027-01-26T10:00:00")).reason is Reason.HOLIDAY
    assert calendar.phase_at(ist("2027-01-27T10:00:00")).state is State.LIVE
    assert calendar.phase_at(ist("2028-01-01T00:00:00")).state is State.UNKNOWN


BAD = [
    pytest.param(MUHURAT + MUHURAT, "overlay.toml:12: special.1.date: 2026-11-08 is said twice", id="twice"),
    pytest.param(
        MUHURAT.replace("NSE_FO", "NSE_FU"), 'unknown segment "NSE_FU"; did you mean "NSE_FO"?', id="segment"
    ),
    pytest.param(
        MUHURAT.replace("2026-11-08", "2027-11-08"), "outside of 2025-01-01 to 2026-12-31", id="beyond"
    ),
    pytest.param(MUHURAT.replace('"continuous"', '"morningg"'), 'unknown phase "morningg"', id="phase"),
    pytest.param(
        days("ordinary", "2026-12-26", "x"),
        "overlay.toml:3: ordinary.0.days.0.date: 2026-12-26 is a saturday; say [[special]]",
        id="weekend",
    ),
    pytest.param(
        MUHURAT + days("holidays", "2026-11-08", "x"),
        "is said twice for NSE_EQ",
        id="in two lists",
    ),
    pytest.param("zone = 3\n", "overlay.toml:1: zone: this key is not known here", id="key"),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_a_bad_one_is_refused_with_its_line(overlaid, text, expected):
    with pytest.raises(ConfigError) as caught:
        overlaid(text)
    assert expected in str(caught.value)


def test_it_is_for_our_own_calendars_only(overlaid):
    with pytest.raises(ConfigError, match="corrects our own calendars only"):
        overlaid(MUHURAT, "XNYS")
