"""Folding reports into statuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.health.fold import believe, fold, shift, unprobed
from agent.model import Machine, Report

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
MACHINE = Machine(name="feed", kind="kite-feed", role="feed")
MINUTE = timedelta(minutes=1)


def report(state: str, at: datetime = NOON, **more: object) -> Report:
    return Report(state=state, reason="R", observed_at=at, **more)  # type: ignore[arg-type]


def test_since_stays_as_long_as_the_state_does() -> None:
    first = fold(unprobed(MACHINE, NOON), report("STALE"), believed_for=MINUTE)
    second = fold(first, report("STALE", NOON + MINUTE), believed_for=MINUTE)
    third = fold(second, report("CONNECTED", NOON + 2 * MINUTE), believed_for=MINUTE)
    assert (first.since, second.since, third.since) == (NOON, NOON, NOON + 2 * MINUTE)


def test_a_report_older_than_what_is_known_changes_nothing() -> None:
    known = fold(unprobed(MACHINE, NOON), report("STALE"), believed_for=MINUTE)
    assert fold(known, report("CONNECTED", NOON - MINUTE), believed_for=MINUTE) is known


def test_a_first_report_counts_even_if_it_was_made_a_moment_before_the_agent_looked() -> None:
    first = fold(unprobed(MACHINE, NOON), report("STALE", NOON - MINUTE), believed_for=MINUTE)
    assert (first.state, first.since) == ("STALE", NOON - MINUTE)


def test_a_state_that_a_former_run_knew_goes_on_from_there() -> None:
    before = replace(unprobed(MACHINE, NOON), resumes=("STALE", NOON - 9 * MINUTE))
    same = fold(before, report("STALE"), believed_for=MINUTE)
    other = fold(before, report("CONNECTED"), believed_for=MINUTE)
    assert same.since == NOON - 9 * MINUTE
    assert other.since == NOON


def test_what_a_former_run_knew_outlives_an_unknown_first_answer() -> None:
    before = replace(unprobed(MACHINE, NOON), resumes=("STALE", NOON - 9 * MINUTE))
    unknown = fold(before, report("UNKNOWN"), believed_for=MINUTE)
    assert fold(unknown, report("STALE"), believed_for=MINUTE).since == NOON - 9 * MINUTE


@pytest.mark.parametrize(
    ("age", "state"),
    [
        pytest.param(timedelta(seconds=59.999), "CONNECTED", id="just before it runs out"),
        pytest.param(timedelta(seconds=60), "UNKNOWN", id="when it runs out"),
        pytest.param(timedelta(days=9), "UNKNOWN", id="long after"),
    ],
)
def test_a_status_is_believed_until_its_report_runs_out(age: timedelta, state: str) -> None:
    known = fold(unprobed(MACHINE, NOON), report("CONNECTED"), believed_for=MINUTE)
    believed = believe(known, NOON + age)
    assert believed.state == state
    if state == "UNKNOWN":
        assert (believed.reason, believed.since) == ("STALE_REPORT", NOON + MINUTE)
        assert "CONNECTED" in believed.message


def test_a_report_says_itself_how_long_it_may_be_believed() -> None:
    known = fold(unprobed(MACHINE, NOON), report("CONNECTED", valid_for=3 * MINUTE), believed_for=MINUTE)
    assert known.valid_until == NOON + 3 * MINUTE


def test_a_step_of_the_wall_clock_moves_instants_and_keeps_ages() -> None:
    hour = timedelta(hours=1)
    known = fold(unprobed(MACHINE, NOON), report("STALE"), believed_for=MINUTE)
    moved = shift(known, hour)
    assert moved.since == known.since + hour
    assert moved.valid_until == NOON + MINUTE + hour
    assert believe(moved, NOON + hour + timedelta(seconds=59)).state == "STALE"
