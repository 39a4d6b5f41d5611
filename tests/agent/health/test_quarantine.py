"""When a part of a plugin is set aside, and for how long."""

from __future__ import annotations

import pytest

from agent.health.quarantine import GOOD, LONGEST_REST_S, fail


def after(failures: int, at_s: float = 100.0):
    standing = GOOD
    for number in range(failures):
        standing = fail(standing, f"failure {number + 1}", at_s)
    return standing


@pytest.mark.parametrize(
    ("failures", "quarantined", "rest_s"),
    [
        pytest.param(0, False, 0.0, id="never failed"),
        pytest.param(4, False, 0.0, id="one short of it"),
        pytest.param(5, True, 30.0, id="five in a row"),
        pytest.param(6, True, 60.0, id="a trial that failed"),
        pytest.param(8, True, 240.0, id="three of them"),
        pytest.param(9, True, LONGEST_REST_S, id="the longest rest"),
        pytest.param(500, True, LONGEST_REST_S, id="and no longer"),
    ],
)
def test_from_the_fifth_failure_on_each_one_doubles_the_rest(failures, quarantined, rest_s) -> None:
    standing = after(failures)
    assert (standing.is_quarantined, standing.rest_s(100.0)) == (quarantined, rest_s)


def test_a_rest_runs_out_and_the_trial_after_it_is_still_part_of_the_quarantine() -> None:
    standing = after(5)
    assert standing.rest_s(129.999) == pytest.approx(0.001)
    assert standing.rest_s(130.0) == standing.rest_s(500.0) == 0.0
    assert standing.is_quarantined


def test_the_latest_failure_is_remembered() -> None:
    assert after(7).why == "failure 7"
