"""A wall clock that is elsewhere: set by somebody, or because the machine slept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.runtime.reconciling import Jump

ZERO = timedelta(0)


@pytest.mark.parametrize(
    ("step_s", "slept_s", "set_by_s", "words"),
    [
        pytest.param(3600, 0, 3600, "the wall clock was set forward by 1h", id="set forward"),
        pytest.param(-5, 0, -5, "the wall clock was set back by 5s", id="set back"),
        pytest.param(600, 600, 0, "the machine was suspended for 10m", id="slept"),
        pytest.param(601, 600, 0, "the machine was suspended for 10m", id="slept, and a drift"),
        pytest.param(
            602,
            600,
            2,
            "the machine was suspended for 10m; the wall clock was set forward by 2s",
            id="slept, and was set",
        ),
        pytest.param(
            0,
            600,
            -600,
            "the machine was suspended for 10m; the wall clock was set back by 10m",
            id="slept, with a clock that slept as well",
        ),
    ],
)
def test_a_jump_is_told_for_what_it_was(step_s: float, slept_s: float, set_by_s: float, words: str) -> None:
    jump = Jump(timedelta(seconds=step_s), timedelta(seconds=slept_s))
    assert jump.set_by == timedelta(seconds=set_by_s)
    assert jump.words == words
