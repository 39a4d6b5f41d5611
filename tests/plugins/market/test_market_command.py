"""The command `openbell market`, as an operator or a script calls it."""

import json

import pytest
from click.testing import CliRunner

from plugins.market.command import market


def call(*arguments: str, stdin: str | None = None):
    return CliRunner().invoke(market, arguments, input=stdin)


def test_it_tells_an_instant_for_people():
    told = call("--at", "2026-03-03T10:00:00+05:30")
    assert told.exit_code == 0
    assert told.output.splitlines() == [
        "NSE_EQ  CLOSED  HOLIDAY  -",
        "Opens tomorrow 09:15 IST (Holi today)",
        "next change 2026-03-03T18:30:00+00:00",
        "calendar NSE, through 2026-12-31, 303 days left",
    ]


def test_it_tells_an_instant_for_programs():
    told = json.loads(call("--at", "2026-11-23T09:15:00+05:30", "--json").output)
    assert (told["state"], told["reason"], told["phase"]) == ("LIVE", "SESSION", "continuous")
    assert told["at"] == "2026-11-23T03:45:00+00:00"
    assert told["next_change_at"] == "2026-11-23T10:00:00+00:00"
    assert told["calendar"]["days_left"] == 38


@pytest.mark.parametrize(
    "at",
    ["2026-11-23T09:15", "2026-11-23 09:15:00", "2026-11-23T03:45:00Z", "2026-11-22T22:45:00-05:00"],
)
def test_an_instant_without_a_zone_is_the_exchanges(at):
    assert json.loads(call("--at", at, "--json").output)["at"] == "2026-11-23T03:45:00+00:00"


def test_without_an_instant_it_tells_of_now():
    assert "state" in json.loads(call("--json").output)


BAD = [
    (["--at", "yesterday"], "'yesterday': expected an instant such as 2026-11-23T09:15:00+05:30"),
    (["--at", "0001-01-01"], "'0001-01-01': expected a year from 1970 to 2199"),
    (["--segment", "NSE_EX"], 'did you mean "NSE_EQ"?'),
    (["--overlay", "/nowhere.toml"], "/nowhere.toml: no such file; create it or correct the path"),
    (["--year", "2031"], "2031: the NSE_EQ calendar covers 2025-01-01 to 2026-12-31"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD)
def test_bad_input_is_one_clear_line_and_exit_2(arguments, said):
    told = call(*arguments)
    assert told.exit_code == 2
    assert said in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert told.stdout == ""


def test_it_lists_the_coming_changes():
    told = call("--next", "--at", "2026-11-23T09:10").output.splitlines()
    assert told[:2] == [
        "Mon 2026-11-23 09:15:00 IST  LIVE  SESSION  continuous",
        "Mon 2026-11-23 15:30:00 IST  CLOSED  AFTER_HOURS",
    ]
    as_json = call("--next", "--at", "2026-11-23T09:10", "--json").output.splitlines()
    assert json.loads(as_json[4])["state"] == "CLOSED"
    assert json.loads(as_json[4])["reason"] == "HOLIDAY"
    assert call("--next", "--at", "2027-06-01").output == ""


def test_a_batch_answers_each_line_in_its_order_and_a_bad_one_in_its_place():
    lines = "2026-11-23T09:15:00+05:30 NSE_EQ\n\nnonsense\n2026-11-23 23:54:59 MCX\n2026-11-23T09:15 NSE_XX\n"
    told = call("--batch", "--json", stdin=lines)
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    assert told.exit_code == 2
    assert [said.get("state") for said in answers] == ["LIVE", None, "LIVE", None]
    assert answers[1] == {
        "line": 3,
        "error": "'nonsense': expected INSTANT SEGMENT, as in 2026-11-23T09:15:00+05:30 NSE_EQ",
    }
    assert answers[3]["line"] == 5


def test_a_good_batch_exits_0():
    assert call("--batch", "--json", stdin="2026-11-23T09:15 NSE_EQ\n").exit_code == 0


def test_a_year_is_a_table_to_lay_beside_the_circular():
    told = call("--year", "2026", "--segment", "NSE_FO").output.splitlines()
    assert "2026-01-15  Thu  HOLIDAY          Municipal elections in Maharashtra  closed" in told
    assert (
        "2026-02-01  Sun  SPECIAL_SESSION  Union Budget                        "
        "pre_open 09:00-09:15, continuous 09:15-15:30"
    ) in told
    assert "2026-11-08  Sun  OUT_OF_CALENDAR  Muhurat trading                     not known" in told
    assert told[-1] == "246 days with a session; the calendar covers 2025-01-01 to 2026-12-31"
    rows = json.loads(call("--year", "2026", "--segment", "NSE_FO", "--json").output)
    assert sum(row["kind"] == "HOLIDAY" for row in rows) == 16
    assert [row["day"] for row in rows if row["kind"] == "HOURS"] == [
        "2026-01-01",
        "2026-08-03",
        "2026-12-07",
    ]


def test_a_year_as_icalendar_is_whole_and_the_same_each_time():
    told = call("--year", "2026", "--ics").stdout_bytes.decode()
    lines = told.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert all(len(line.encode()) <= 75 for line in lines)
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 246 + 16 + 1
    uids = [line for line in lines if line.startswith("UID:")]
    assert len(set(uids)) == len(uids)
    assert "DTSTART;VALUE=DATE:20261108" in lines
    assert "SUMMARY:NSE_EQ: Muhurat trading (hours not known)" in lines
    assert call("--year", "2026", "--ics").stdout_bytes.decode() == told


def test_a_day_with_two_sessions_is_two_events():
    told = call("--year", "2025", "--ics", "--segment", "MCX").output
    assert told.count("UID:MCX-20251021T") == 1
    assert "UID:MCX-20250226T113000Z@openbell" in told


def test_an_overlay_counts_here_too(tmp_path):
    overlay = tmp_path / "overlay.toml"
    overlay.write_text(
        '[[holidays]]\nsegments = ["NSE_EQ"]\ndays = [{ date = 2026-11-23, name = "Closed" }]\nsource = "x"\n'
    )
    told = json.loads(call("--at", "2026-11-23T10:00", "--overlay", str(overlay), "--json").output)
    assert told["holiday"] == "Closed"


def test_it_lists_the_segments():
    told = call("--list").output
    for segment in ("NSE_EQ", "NSE_EQ_FNO", "NSE_FO", "NSE_CD", "NSE_COM", "BSE_EQ", "MCX"):
        assert f"\n{segment} " in f"\n{told}"
    assert "XNYS" in json.loads(call("--list", "--json").output)


@pytest.mark.filterwarnings("ignore")
def test_it_lays_another_calendar_beside_ours():
    pytest.importorskip("exchange_calendars")
    told = call("--compare", "XBOM", "--segment", "BSE_EQ")
    assert told.output.splitlines() == [
        "2025-02-01 Saturday: ours says open 09:15-15:30, the other closed",
        "2025-10-21 Tuesday: ours says open 13:45-14:45, the other closed",
        "2026-02-01 Sunday: ours says open 09:15-15:30, the other closed",
        "2026-11-08 Sunday: ours says unknown, the other closed",
    ]
    as_json = call("--compare", "XBOM", "--segment", "BSE_EQ", "--json").output.splitlines()
    assert json.loads(as_json[0])["theirs"] == "closed"
