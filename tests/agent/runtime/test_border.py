"""What a plugin's report must be to come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.errors import PluginError
from agent.model import Machine, Report
from agent.runtime.border import admit

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
MACHINE = Machine(
    name="feed", kind="kite-feed", role="feed", states=frozenset({"STALE"}), reasons=frozenset({"NO_TICKS"})
)


def report(**more: object) -> Report:
    values: dict = {"state": "STALE", "reason": "NO_TICKS", "observed_at": NOON} | more
    return Report(**values)


class Hostile:
    def __repr__(self) -> str:
        raise ValueError("no repr")


@pytest.mark.parametrize(
    ("more", "word"),
    [
        pytest.param({"state": "MELTED"}, "MELTED", id="a state not declared"),
        pytest.param({"reason": "WHIM"}, "WHIM", id="a reason not declared"),
        pytest.param({"state": "UNKNOWN", "reason": "WHIM"}, "WHIM", id="unknown for no reason"),
        pytest.param({"observed_at": datetime(2026, 11, 23)}, "observed_at", id="an instant without a zone"),
        pytest.param({"observed_at": NOON + timedelta(minutes=1)}, "future", id="from the future"),
        pytest.param({"measures": {"age_s": float("nan")}}, "age_s", id="not a number"),
        pytest.param({"measures": {"age_s": float("inf")}}, "age_s", id="infinite"),
        pytest.param({"measures": {"age_s": "3"}}, "age_s", id="a text for a measure"),
        pytest.param({"attributes": {"x": object()}}, "attributes", id="no JSON"),
        pytest.param({"attributes": {"x": Hostile()}}, "attributes", id="a hostile repr"),
        pytest.param({"attributes": {"x": "y" * 70_000}}, "larger", id="too large"),
        pytest.param({"measures": {"x" * 70_000: 1.0}}, "larger", id="a name too large"),
        pytest.param({"measures": {f"x{n}": 1.0 for n in range(201)}}, "measures", id="too many measures"),
        pytest.param({"message": None}, "message", id="no text"),
    ],
)
def test_a_bad_report_is_refused_with_its_fault(more, word) -> None:
    with pytest.raises(PluginError, match=word):
        admit(MACHINE, report(**more), NOON)


def test_a_message_becomes_one_line_of_bounded_length() -> None:
    found = admit(MACHINE, report(message="a\r\nBcc: x\u2028\x1b[31m" + "y" * 900), NOON)
    assert found.message.startswith("a Bcc: x [31my")
    assert len(found.message) == 500


def test_a_slight_lead_of_the_clock_counts_as_now() -> None:
    assert admit(MACHINE, report(observed_at=NOON + timedelta(seconds=2)), NOON).observed_at == NOON


def test_what_comes_in_shares_nothing_with_the_plugin() -> None:
    attributes = {"canaries": ["A"]}
    found = admit(MACHINE, report(attributes=attributes), NOON)
    attributes["canaries"].append("B")
    assert found.attributes == {"canaries": ["A"]}


def test_a_core_reason_is_good_for_unknown() -> None:
    found = admit(MACHINE, report(state="UNKNOWN", reason="OUT_OF_CALENDAR"), NOON)
    assert found.reason == "OUT_OF_CALENDAR"


PANEL = {"title": "Positions", "values": {"INFY": 5, "open\nsince": "09:15", "hedged": True, "beta": None}}


def test_a_panel_comes_in_as_lines_of_text_and_numbers() -> None:
    found = admit(MACHINE, report(attributes={"panel": PANEL}), NOON).attributes["panel"]
    assert found == {
        "title": "Positions",
        "values": {"INFY": 5, "open since": "09:15", "hedged": True, "beta": None},
    }


@pytest.mark.parametrize(
    ("panel", "word"),
    [
        pytest.param("Positions", "attributes.panel", id="a text"),
        pytest.param({**PANEL, "script": "alert(1)"}, "script", id="more than a panel has"),
        pytest.param({**PANEL, "values": {}}, "values", id="an empty one"),
        pytest.param({**PANEL, "values": {str(n): n for n in range(13)}}, "values", id="too many lines"),
        pytest.param({**PANEL, "values": {"x": ["y"]}}, "values", id="a list for a value"),
        pytest.param({**PANEL, "title": "x" * 81}, "title", id="a long title"),
    ],
)
def test_a_panel_that_the_page_could_not_show_is_refused(panel, word) -> None:
    with pytest.raises(PluginError, match=word):
        admit(MACHINE, report(attributes={"panel": panel}), NOON)
