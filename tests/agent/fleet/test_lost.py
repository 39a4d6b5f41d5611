"""Which agents are lost, and what the machine `fleet` says of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.config.rule_table import as_rule
from agent.config.schema import RuleTable
from agent.fleet.lost import CODE, MACHINE, RULE, Lost, Watch, fleet_report, lost_of
from agent.model import Severity

from .conftest import NOON, PaperFleet

GONE = tuple(Lost(name=f"pune-{n}", desk="pune", host="h", seen_at=NOON) for n in range(7))


@pytest.mark.parametrize(
    ("seconds", "is_lost"),
    [
        pytest.param(0.4, False, id="seen a moment ago"),
        pytest.param(10.0, False, id="just within ten seconds"),
        pytest.param(10.1, True, id="just beyond them"),
        pytest.param(86_400 * 3, True, id="for days, until somebody forgets it"),
    ],
)
def test_who_is_not_heard_of_for_ten_seconds_is_lost(
    fleet: PaperFleet, seconds: float, is_lost: bool
) -> None:
    fleet.enter("mumbai-2", "mumbai")
    fleet.seen("mumbai-2", seconds)
    assert bool(lost_of(fleet.rows)) is is_lost


def test_who_was_stopped_as_planned_is_not_lost(fleet: PaperFleet) -> None:
    fleet.enter("mumbai-2", ended_at=NOON - timedelta(minutes=5))
    fleet.seen("mumbai-2", 300)
    assert lost_of(fleet.rows) == ()


def test_who_entered_and_never_sent_a_beat_is_lost(fleet: PaperFleet) -> None:
    fleet.enter("mumbai-2")
    del fleet.beats["mumbai-2"]
    assert [one.name for one in lost_of(fleet.rows)] == ["mumbai-2"]


@pytest.mark.parametrize(
    ("watch", "state", "reason", "word"),
    [
        pytest.param(
            Watch(watcher="a", is_ours=True, known=3),
            "WHOLE",
            "NOMINAL",
            "All 3 agents are heard of",
            id="all",
        ),
        pytest.param(
            Watch(watcher="a", is_ours=True, known=9, lost=GONE[:1]),
            "LOST",
            "AGENT_LOST",
            "pune-0 at h, of the desk pune, has not been heard of since 06:30:00 UTC",
            id="one",
        ),
        pytest.param(
            Watch(watcher="a", is_ours=True, known=9, lost=GONE),
            "LOST",
            "AGENT_LOST",
            "7 agents have not been heard of: pune-0, pune-1, pune-2, pune-3, pune-4 and 2 more",
            id="several",
        ),
        pytest.param(Watch(watcher="b"), "WHOLE", "WATCHED_BY_ANOTHER", "b tells when", id="another watches"),
        pytest.param(
            Watch(watcher="b", lost=GONE),
            "WHOLE",
            "WATCHED_BY_ANOTHER",
            "b tells when",
            id="told by one only",
        ),
        pytest.param(
            Watch(watcher="a", is_ours=True, lost=GONE, store_error="db:5432/openbell: refused"),
            "ALONE",
            "NO_STORE",
            "Other agents cannot be seen: db:5432/openbell: refused",
            id="no store",
        ),
    ],
)  # fmt: skip
def test_what_it_says(watch: Watch, state: str, reason: str, word: str) -> None:
    report = fleet_report(watch, NOON)
    assert (report.state, report.reason) == (state, reason)
    assert word in report.message
    assert report.state in MACHINE.states
    assert report.reason in MACHINE.reasons


def test_what_it_says_does_not_move_while_nothing_changes() -> None:
    watch = Watch(watcher="a", is_ours=True, known=2, lost=GONE[:1])
    first, later = fleet_report(watch, NOON), fleet_report(watch, NOON + timedelta(minutes=5))
    assert (first.message, first.measures) == (later.message, later.measures)


def test_the_rule_that_comes_with_it_is_one() -> None:
    rule = as_rule(RuleTable.model_validate(RULE))
    assert (rule.code, rule.severity) == (CODE, Severity.CRITICAL)
    assert timedelta(0) < rule.hold_for <= timedelta(seconds=5)
