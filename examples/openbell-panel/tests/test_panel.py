"""The checklist keeps openbell's contract, its ticks last for their day, its addresses say what is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from openbell_panel.machine import KEPT, Checklist, ChecklistSettings
from openbell_panel.routes import show, tick, untick
from openbell_panel.ticks import Ticks, day_of, end_of, from_text
from pydantic import ValidationError

from agent.api import ActionError, RouteRequest
from agent.testing import Bench, ManualClock, StateMachineContract

KOLKATA = ZoneInfo("Asia/Kolkata")
SIX = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
"""The desk's day begins: 06:00 in Mumbai."""
SECOND = timedelta(seconds=1)
ITEMS = {"margin": "Margin is funded", "limits": "Limits are today's"}


class TestChecklistContract(StateMachineContract):
    plugin = "openbell_panel"
    kind = "checklist"
    healthy = ("OPEN", "UNTICKED")
    does_not_apply = {"troubles": "people tell it, and it asks nobody"}

    def settings(self, url):
        return {"items": ITEMS}


@pytest.fixture
def bench() -> Bench:
    return Bench(ManualClock(SIX + timedelta(hours=3)))


@pytest.fixture
def checklist(bench) -> Checklist:
    return Checklist(ChecklistSettings(items=ITEMS), bench)


def asked(checklist: object, item: str = "margin", body: dict | None = None, machine: str = "before"):
    parts = {"machine": machine, "item": item}
    return RouteRequest(method="POST", parts=parts, query={}, body=body, machines={"before": checklist})


async def test_the_panel_says_who_ticked_what_and_the_last_tick_makes_it_done(checklist, bench) -> None:
    await tick(asked(checklist, "margin", {"by": "Asha"}))
    report = await checklist.probe()
    assert (report.state, report.message) == ("OPEN", "Not yet ticked: Limits are today's")
    assert report.attributes["panel"] == {
        "title": "Before the bell",
        "values": {"Margin is funded": "Asha", "Limits are today's": False},
    }
    answer = await tick(asked(checklist, "limits"))
    assert answer.body == {"day": "2026-11-23", "ticked": {"margin": "Asha", "limits": "ticked"}}
    assert ((await checklist.probe()).state, bench.probes_wished) == ("DONE", 2)


async def test_a_tick_can_be_taken_back(checklist) -> None:
    await tick(asked(checklist))
    answer = await untick(asked(checklist))
    assert answer == await show(asked(checklist))
    assert answer.body["ticked"] == {}


async def test_the_ticks_outlive_a_restart_and_end_with_their_day(checklist, bench) -> None:
    for item in ITEMS:
        checklist.tick(item, "Asha")
    again = Checklist(ChecklistSettings(items=ITEMS), bench)
    report = await again.probe()
    assert (report.state, report.next_change_at) == ("DONE", SIX + timedelta(days=1))
    await bench.clock.advance(timedelta(hours=21) - SECOND)
    assert (await again.probe()).state == "DONE"
    await bench.clock.advance(SECOND)
    assert (await again.probe()).state == "OPEN"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param({"item": "tea"}, "not on the list; there are: margin, limits", id="no such item"),
        pytest.param({"machine": "after"}, "no checklist 'after'", id="no such machine"),
        pytest.param({"body": {"by": 7}}, "expected a name", id="a number for a name"),
        pytest.param({"body": {"by": "  "}}, "expected a name", id="no name"),
    ],
)
async def test_a_request_of_no_use_says_what_would_do_and_changes_nothing(
    checklist, bench, request_, words
) -> None:
    with pytest.raises(ActionError, match=words):
        await tick(asked(checklist, **request_))
    assert bench.store.get(KEPT) is None


async def test_a_machine_of_another_kind_is_no_checklist() -> None:
    with pytest.raises(ActionError, match="no checklist"):
        await show(asked(object()))


async def test_a_name_of_any_length_leaves_a_panel_that_the_page_takes(checklist) -> None:
    checklist.tick("margin", "A" * 500)
    values = (await checklist.probe()).attributes["panel"]["values"]
    assert len(values["Margin is funded"]) <= 80


@pytest.mark.parametrize(
    ("now", "day"),
    [
        pytest.param(SIX - SECOND, date(2026, 11, 22), id="just before it begins"),
        pytest.param(SIX, date(2026, 11, 23), id="when it begins"),
    ],
)
def test_a_day_begins_at_the_desks_hour(now, day) -> None:
    assert day_of(now, time(6), KOLKATA) == day
    assert end_of(day, time(6), KOLKATA) > now


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"day": 7, "by": {}}', '{"day": "2026-11-23", "by": 7}']
)
def test_ticks_that_cannot_be_read_are_none(text) -> None:
    assert from_text(text, date(2026, 11, 23)) == Ticks(date(2026, 11, 23))


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": {}},
        {"items": {"Margin?": "x"}},
        {"items": {"a": ""}},
        {"zone": "Mars/Olympus"},
        {"zone": "../x"},
    ],
)
def test_settings_of_no_use_are_refused(wrong) -> None:
    with pytest.raises(ValidationError):
        ChecklistSettings.model_validate({"items": ITEMS, **wrong})
