"""The machine tells every boundary the instant it comes, and keeps its calendar up to date."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from agent.api import ConfigError, Running
from agent.testing import Bench, ManualClock, running
from plugins.market.machine import GRACE, REPEAT, MarketMachine
from plugins.market.settings import MarketSettings

OVERLAY = """\
[[holidays]]
segments = ["NSE_EQ"]
days = [{ date = 2026-11-23, name = "%s" }]
source = "the desk"
"""


def ist(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+05:30").astimezone(UTC)


def bench_at(text: str) -> Bench:
    return Bench(ManualClock(ist(text)))


def machine_on(bench: Bench, **settings: object) -> MarketMachine:
    return MarketMachine(MarketSettings.model_validate(settings), bench)


def said(bench: Bench) -> list[tuple[str, str, str | None]]:
    """What was reported, repeats left out."""
    told = [(r.state, r.reason, r.attributes["phase"]) for r in bench.reports]
    return [item for index, item in enumerate(told) if index == 0 or told[index - 1] != item]


async def test_a_day_is_reported_boundary_by_boundary_at_the_boundary_itself():
    bench = bench_at("2026-11-23T08:59:00")
    async with running(machine_on(bench)):
        await bench.clock.advance(timedelta(hours=8))
    assert said(bench) == [
        ("CLOSED", "BEFORE_HOURS", None),
        ("PRE_OPEN", "SESSION", "pre_open"),
        ("LIVE", "SESSION", "continuous"),
        ("CLOSED", "AFTER_HOURS", None),
        ("CLOSED", "AFTER_HOURS", "post_close"),
        ("CLOSED", "AFTER_HOURS", None),
    ]
    changed = {}
    for report in bench.reports:
        changed.setdefault((report.state, report.attributes["phase"]), report.observed_at)
    assert changed["PRE_OPEN", "pre_open"] - ist("2026-11-23T09:00:00") < timedelta(milliseconds=2)
    assert changed["LIVE", "continuous"] - ist("2026-11-23T09:15:00") < timedelta(milliseconds=2)


async def test_a_report_carries_what_the_document_and_the_expectations_need():
    report = await machine_on(bench_at("2026-11-23T10:00:00"), segment="NSE_EQ_FNO").probe()
    assert (report.state, report.reason, report.message) == ("LIVE", "SESSION", "Live until 15:35 IST")
    assert report.next_change_at == ist("2026-11-23T15:15:00")
    assert report.attributes == {
        "segment": "NSE_EQ_FNO",
        "phase": "continuous",
        "session": None,
        "holiday": None,
        "next_phase": "closing_auction",
        "next_state": "LIVE",
        "next_open_at": "2026-11-25T03:45:00+00:00",
        "next_close_at": "2026-11-23T10:05:00+00:00",
        "source": "SEBI circular of 2026-01-16; NSE/CMTR/74466",
        "confidence": "high",
        "calendar": {
            "name": "NSE",
            "zone": "Asia/Kolkata",
            "valid_from": "2025-01-01",
            "valid_through": "2026-12-31",
            "days_left": 38,
            "checked": "2026-11-23",
            "ends_soon": True,
            "overlay": None,
            "overlay_error": None,
            "disagreements": [],
        },
    }
    assert report.measures == {"calendar_left_days": 38, "calendar_doubts": 0}


async def test_a_report_is_believed_until_the_boundary_or_the_next_repeat_and_a_minute_longer():
    far = await machine_on(bench_at("2026-11-23T10:00:00")).probe()
    near = await machine_on(bench_at("2026-11-23T15:29:00")).probe()
    assert far.valid_for == REPEAT + GRACE
    assert near.valid_for == timedelta(minutes=1) + GRACE


async def test_nothing_new_is_repeated_every_five_minutes():
    bench = bench_at("2026-11-23T10:00:30")
    async with running(machine_on(bench)):
        await bench.clock.advance(timedelta(minutes=20))
    gaps = {b.observed_at - a.observed_at for a, b in pairwise(bench.reports)}
    assert len(bench.reports) == 5
    assert gaps == {REPEAT}


@pytest.mark.parametrize(
    ("step", "state"),
    [(timedelta(hours=6), "CLOSED"), (timedelta(hours=-6), "CLOSED")],
    ids=["forward", "back"],
)
async def test_a_step_of_the_wall_clock_is_noticed_within_a_minute(step, state):
    bench = bench_at("2026-11-23T10:00:00")
    async with running(machine_on(bench)):
        await bench.clock.advance(1)
        assert bench.reports[-1].state == "LIVE"
        bench.clock.step_wall(step)
        await bench.clock.advance(60)
        assert bench.reports[-1].state == state


MESSAGES = [
    ("NSE_EQ", "2026-03-03T10:00:00", "Opens tomorrow 09:15 IST (Holi today)"),
    ("NSE_EQ", "2026-04-03T10:00:00", "Opens Monday 09:15 IST (Good Friday today)"),
    ("NSE_EQ", "2026-11-23T09:05:00", "Opens 09:15 IST"),
    ("NSE_EQ", "2026-11-23T16:30:00", "Opens Wednesday 09:15 IST"),
    ("NSE_EQ", "2025-10-21T10:00:00", "Opens 13:45 IST (Muhurat trading)"),
    ("NSE_EQ", "2025-10-21T14:00:00", "Live until 14:45 IST (Muhurat trading)"),
    ("MCX", "2026-11-23T10:00:00", "Live until 23:55 IST (morning)"),
    ("NSE_EQ_FNO", "2026-11-23T15:20:00", "Live until 15:35 IST (closing auction)"),
    (
        "NSE_EQ",
        "2026-11-07T10:00:00",
        "Opens Monday 09:15 IST (weekend); before that Muhurat trading on 2026-11-08, hours not known",
    ),
    (
        "NSE_EQ",
        "2026-11-08T10:00:00",
        "2026-11-08: Muhurat trading, whose hours the calendar does not have; say them in an overlay",
    ),
    (
        "NSE_EQ",
        "2026-12-31T16:30:00",
        "Closed; the next open is beyond the calendar, which ends 2026-12-31",
    ),
    (
        "NSE_EQ",
        "2027-01-04T10:00:00",
        (
            "The NSE_EQ calendar covers 2025-01-01 to 2026-12-31, not 2027-01-04; "
            "update openbell or add the days in an overlay"
        ),
    ),
]


@pytest.mark.parametrize(("segment", "at", "message"), MESSAGES)
async def test_the_message_tells_people_what_holds_and_when_it_ends(segment, at, message):
    assert (await machine_on(bench_at(at), segment=segment).probe()).message == message


async def test_past_its_last_day_the_market_is_unknown_and_still_reported():
    bench = bench_at("2026-12-31T23:59:00")
    async with running(machine_on(bench)):
        await bench.clock.advance(timedelta(minutes=10))
    report = bench.reports[-1]
    assert (report.state, report.reason) == ("UNKNOWN", "OUT_OF_CALENDAR")
    assert report.next_change_at is None
    assert report.valid_for == REPEAT + GRACE


@pytest.mark.parametrize(("warn_before", "soon"), [("38d", True), ("37d", False)])
async def test_the_calendar_says_when_it_is_about_to_run_out(warn_before, soon):
    report = await machine_on(bench_at("2026-11-23T10:00:00"), warn_before=warn_before).probe()
    assert report.attributes["calendar"]["ends_soon"] is soon


async def test_an_overlay_is_read_anew_when_it_changes(tmp_path):
    overlay = tmp_path / "overlay.toml"
    overlay.write_text("")
    bench = bench_at("2026-11-23T10:00:00")
    async with running(machine_on(bench, overlay=overlay)):
        await bench.clock.advance(1)
        assert bench.reports[-1].state == "LIVE"
        rewrite(overlay, OVERLAY % "A day of mourning")
        await see(bench, "A day of mourning")
    assert (bench.reports[-1].state, bench.reports[-1].reason) == ("CLOSED", "HOLIDAY")


async def test_a_bad_overlay_keeps_the_last_good_and_says_so(tmp_path, caplog):
    overlay = tmp_path / "overlay.toml"
    overlay.write_text(OVERLAY % "first")
    bench = bench_at("2026-11-23T10:00:00")
    async with running(machine_on(bench, overlay=overlay)):
        await see(bench, "first")
        rewrite(overlay, "[[holidays]]\nsegments = [")
        await see(bench, "the overlay has errors and is not used")
        report = bench.reports[-1]
        assert report.attributes["holiday"] == "first"
        assert "overlay.toml:2: not TOML" in report.attributes["calendar"]["overlay_error"]
        rewrite(overlay, OVERLAY % "second")
        await see(bench, "second")
        assert bench.reports[-1].attributes["calendar"]["overlay_error"] is None
        overlay.unlink()
        await see(bench, "the overlay has errors and is not used")
        assert bench.reports[-1].attributes["holiday"] == "second"
    assert sum("the last good one stays" in record.message for record in caplog.records) == 2


@pytest.mark.filterwarnings("ignore")
async def test_a_coming_day_that_another_calendar_has_otherwise_is_told_with_both_answers():
    pytest.importorskip("exchange_calendars")
    bench = bench_at("2026-01-28T10:00:00")
    both = "2026-02-01 Sunday: ours says open 09:15-15:30, the other closed"
    async with running(machine_on(bench, compare_with="XBOM")):
        await bench.until(lambda report: both in report.message, timeout_s=30)
        assert bench.reports[0].message == "Live until 15:30 IST"
        assert bench.reports[-1].message == f"Live until 15:30 IST; {both}"
        assert bench.reports[-1].attributes["calendar"]["disagreements"] == [both]
        assert bench.reports[-1].measures["calendar_doubts"] == 1
        bench.clock.step_wall(timedelta(days=5))
        await bench.clock.advance(60)
        assert bench.reports[-1].attributes["calendar"]["disagreements"] == []


@pytest.mark.filterwarnings("ignore")
async def test_a_second_opinion_that_cannot_be_had_is_done_without(caplog):
    pytest.importorskip("exchange_calendars")
    bench = bench_at("2026-11-23T15:29:00")
    async with running(machine_on(bench, compare_with="NOWHERE")):
        async with asyncio.timeout(30):
            while "compare_with is not used" not in caplog.text:
                await asyncio.sleep(0.01)
        await bench.clock.advance(timedelta(minutes=2))
    assert [report.state for report in bench.reports] == ["LIVE", "CLOSED"]


def rewrite(path, text):
    """Write, and make sure that the time of the change differs, however coarse the file system."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


async def see(bench: Bench, words: str) -> None:
    """Move on until a report says the words; the file is read in a thread, in real time."""
    for _ in range(20):
        await bench.clock.advance(2)
        try:
            await bench.until(lambda report: words in report.message, timeout_s=0.5)
        except TimeoutError:
            continue
        return
    raise AssertionError(f"never said: {words}")


async def test_a_bad_overlay_or_segment_stops_the_start(tmp_path):
    (tmp_path / "bad.toml").write_text("nonsense")
    bench = bench_at("2026-11-23T10:00:00")
    with pytest.raises(ConfigError, match=r"bad\.toml:1: not TOML"):
        machine_on(bench, overlay=tmp_path / "bad.toml")
    with pytest.raises(ConfigError, match="no such file"):
        machine_on(bench, overlay=tmp_path / "none.toml")


async def test_it_is_a_machine_that_runs():
    assert isinstance(machine_on(bench_at("2026-11-23T10:00:00")), Running)


async def test_it_tells_its_sessions_each_on_the_exchanges_own_day():
    machine = machine_on(bench_at("2026-11-23T10:00:00"), segment="MCX")
    found = await machine.sessions(ist("2026-11-20T00:00:00"), ist("2026-11-25T00:00:00"))
    assert [(one.day.day, one.opens_at, one.closes_at) for one in found] == [
        (20, ist("2026-11-20T09:00:00"), ist("2026-11-20T23:55:00")),
        (23, ist("2026-11-23T09:00:00"), ist("2026-11-23T23:55:00")),
        (24, ist("2026-11-24T17:00:00"), ist("2026-11-24T23:55:00")),
    ]


async def test_of_weekends_holidays_and_days_beyond_the_calendar_it_tells_no_session():
    machine = machine_on(bench_at("2026-11-23T10:00:00"))
    for first, last in (
        ("2026-11-21", "2026-11-23"),
        ("2026-11-24", "2026-11-25"),
        ("2027-02-01", "2027-02-09"),
    ):
        assert await machine.sessions(ist(f"{first}T00:00:00"), ist(f"{last}T00:00:00")) == []
