"""A grade says what the checks of a plugin come to."""

from __future__ import annotations

import pytest

from agent.testing.contract import Check
from agent.testing.grading import Grade, Outcome, Result, badge, grade

PASSED = Result("kind", Check("passes", "It passes", True), Outcome.PASSED)
LEFT_OUT = Result("kind", Check("feeds", "It feeds", False), Outcome.DOES_NOT_APPLY, "it is no feed")
UNSHOWN = Result("kind", Check("mutes", "It notices", False), Outcome.NOT_SHOWN, "say how")
WRONG = Result("kind", Check("tells", "It tells", False), Outcome.FAILED, "it did not")
VITAL = Result("kind", Check("hides", "It hides", True), Outcome.FAILED, "it showed")


@pytest.mark.parametrize(
    ("results", "earned"),
    [
        pytest.param([PASSED, LEFT_OUT], Grade.A, id="all passed or without a part in it"),
        pytest.param([PASSED, UNSHOWN], Grade.B, id="something not shown"),
        pytest.param([PASSED, UNSHOWN, WRONG], Grade.C, id="something wrong"),
        pytest.param([PASSED, WRONG, VITAL], Grade.F, id="something that costs others"),
        pytest.param([], Grade.F, id="nothing at all"),
    ],
)
def test_the_worst_finding_decides(results, earned) -> None:
    assert grade(results) is earned


def test_a_good_grade_is_one_without_a_failure() -> None:
    assert [one for one in Grade if one.is_good] == [Grade.A, Grade.B]


@pytest.mark.parametrize("one", Grade)
def test_a_badge_shows_the_grade(one) -> None:
    assert f"conformance-{one}-" in badge(one).replace("%20", " ")
