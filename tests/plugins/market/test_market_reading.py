"""Bad calendar files are refused with file, line, finding and remedy."""

from datetime import date
from pathlib import Path

import pytest

from agent.api import ConfigError
from plugins.market.library import FOLDER, compile_calendar
from plugins.market.lines import line_of
from plugins.market.reading import read_calendar

GOOD = """\
exchange = "TEST"
title = "A test exchange"
zone = "Asia/Kolkata"
valid_from = 2027-12-01
valid_through = 2028-03-31
checked = 2027-11-30
[phases]
pre_open = "PRE_OPEN"
continuous = "LIVE"
[segments]
TEST_EQ = "equity"
[[hours]]
segments = ["TEST_EQ"]
phases = [
  { phase = "pre_open", start = 09:00:00, end = 09:15:00 },
  { phase = "continuous", start = 09:15:00, end = 15:30:00 },
]
source = "a circular"
[[holidays]]
segments = ["TEST_EQ"]
days = [
  { date = 2028-01-26, name = "Republic Day" },
  { date = 2028-02-14, name = "A Monday # not a comment [" },
]
source = "a list"
[[special]]
segments = ["TEST_EQ"]
date = 2028-01-02
name = "A Sunday"
hours = "ordinary"
source = "a circular"
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "test.toml"
        path.write_text(text)
        return path

    return write


def complaint(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_calendar(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_a_good_file_is_read(write):
    assert set(read_calendar(write(GOOD))) == {"TEST_EQ"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.name)
def test_the_shipped_files_are_good(path):
    assert read_calendar(path)


SPOILED = [
    pytest.param(
        "end = 15:30:00", "end = 09:10:00", "16: hours.0.phases.1.end: 09:10:00 is not after", id="end"
    ),
    pytest.param(
        "start = 09:15:00", "start = 09:14:59", "16: hours.0.phases.1.start: continuous begins", id="overlap"
    ),
    pytest.param('"Asia/Kolkata"', '"Asia/Calcuta"', '3: zone: "Asia/Calcuta" is no time zone', id="zone"),
    pytest.param(
        "2028-02-14", "2028-01-26", "23: holidays.0.days.1.date: 2028-01-26 is said twice", id="twice"
    ),
    pytest.param(
        'segments = ["TEST_EQ"]\ndate',
        'segments = ["TEST_EK"]\ndate',
        '27: special.0.segments: unknown segment "TEST_EK"; did you mean "TEST_EQ"?',
        id="segment",
    ),
    pytest.param(
        'phase = "pre_open"',
        'phase = "pre_opem"',
        '15: hours.0.phases.0.phase: unknown phase "pre_opem"; did you mean "pre_open"?',
        id="phase",
    ),
    pytest.param(
        "2028-01-02",
        "2028-04-02",
        "28: special.0.date: 2028-04-02 is outside of 2027-12-01 to 2028-03-31",
        id="outside",
    ),
    pytest.param(
        "valid_through = 2028",
        "valid_through = 2020",
        "5: valid_through: 2020-03-31 is before valid_from",
        id="validity",
    ),
    pytest.param('hours = "ordinary"\n', "", "26: special.0: give either phases", id="no hours"),
    pytest.param(
        'hours = "ordinary"',
        'hours = "usual"',
        "30: special.0.hours: Input should be 'ordinary' or 'unknown'",
        id="hours",
    ),
    pytest.param(
        'source = "a list"',
        'sauce = "a list"',
        "25: holidays.0.sauce: this key is not known",
        id="unknown key",
    ),
    pytest.param('source = "a list"\n', "", "19: holidays.0.source: this key is missing", id="no source"),
    pytest.param(
        'source = "a list"',
        'source = " "',
        "25: holidays.0.source: expected a text that is not empty",
        id="empty source",
    ),
    pytest.param(
        "end = 15:30:00",
        'end = "15:30"',
        "16: hours.0.phases.1.end: expected a time such as 09:15:00",
        id="time as text",
    ),
    pytest.param("start = 09:00:00", "start = 25:00:00", "15: not TOML: ", id="no time"),
    pytest.param(
        'pre_open = "PRE_OPEN"',
        'pre_open = "OPENING"',
        "8: phases.pre_open: Input should be 'PRE_OPEN', 'LIVE'",
        id="state",
    ),
    pytest.param(
        'source = "a circular"\n[[hol',
        'until = 2028-02-29\nsource = "a circular"\n[[hol',
        "11: segments.TEST_EQ: no hours from 2028-03-01 on",
        id="gap",
    ),
    pytest.param(
        'source = "a circular"\n[[hol',
        'from = 2028-02-01\nuntil = 2028-01-01\nsource = "a"\n[[hol',
        "19: hours.0.until: 2028-01-01 is before from",
        id="until",
    ),
    pytest.param(
        "end = 15:30:00",
        'end = { zone = "America/New_Yorck", daylight = 15:30:00, standard = 15:55:00 }',
        '16: hours.0.phases.1.end.zone: "America/New_Yorck" is no time zone',
        id="followed zone",
    ),
]


@pytest.mark.parametrize(("good", "bad", "expected"), SPOILED)
def test_bad_data_is_refused_with_its_line(write, good, bad, expected):
    assert good in GOOD
    found = complaint(write(GOOD.replace(good, bad, 1)))
    assert any(line.startswith(expected) for line in found), found


def test_two_sets_of_hours_on_one_day_are_refused(write):
    first = GOOD[GOOD.index("[[hours]]") : GOOD.index("[[holidays]]")]
    second = first.replace("phases", "from = 2028-02-01\nphases")
    assert complaint(write(GOOD + second)) == [
        "32: hours.1: two sets of hours for TEST_EQ on 2028-02-01; end the former with until"
    ]


def test_all_complaints_are_told_at_once(write):
    bad = GOOD.replace('"Asia/Kolkata"', '"Nowhere"').replace("2028-02-14", "2028-01-26")
    assert len(complaint(write(bad))) == 2


def test_a_missing_file_and_one_that_is_no_text_are_said_plainly(tmp_path):
    assert complaint(tmp_path / "none.toml")[0].endswith("no such file; create it or correct the path")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    assert "expected a TOML file in UTF-8" in complaint(tmp_path / "bytes.toml")[0]


def test_a_leap_day_and_a_turn_of_the_year_are_days_like_others(write):
    calendar = compile_calendar(read_calendar(write(GOOD))["TEST_EQ"])
    spans = {
        day: len(calendar.sessions(day)) for day in (date(2028, 2, 29), date(2027, 12, 31), date(2028, 1, 1))
    }
    assert spans == {date(2028, 2, 29): 2, date(2027, 12, 31): 2, date(2028, 1, 1): 0}
    leap = calendar.day(date(2028, 2, 29))
    assert leap[0].end - leap[0].start != leap[1].end - leap[1].start
    assert calendar.next_open(leap[0].start) == leap[1].end


def test_the_line_of_a_value_is_found_through_lists_and_nested_tables():
    assert line_of(GOOD, ("holidays", 0, "days", 1, "date")) == 23
    assert line_of(GOOD, ("holidays", 0, "source")) == 25
    assert line_of(GOOD, ("nowhere", "at", "all")) == 1
    assert line_of(GOOD, ()) == 1
