"""What counts against a plugin, and what does not."""

from __future__ import annotations

import pytest

from agent.clock import SystemClock
from agent.runtime.conduct import Conduct
from agent.runtime.stalls import Stall


class Hand(SystemClock):
    """Stands until it is moved."""

    at_s = 100.0

    def monotonic(self) -> float:
        return self.at_s


def stall(plugin: str | None = "acme") -> Stall:
    return Stall(plugin, "acme:1 in probe", lasted_s=1.5, found_s=98.0)


@pytest.mark.parametrize(
    ("begins_at_s", "counts"),
    [
        pytest.param(None, 0.0, id="nothing runs yet"),
        pytest.param(99.0, 0.0, id="it was found before all ran"),
        pytest.param(97.0, 1.0, id="it was found afterwards"),
    ],
)
def test_a_loop_that_is_held_up_counts_from_when_there_is_something_to_hold_up(
    begins_at_s: float | None, counts: float
) -> None:
    clock = Hand()
    conduct = Conduct(clock, {}, str)
    if begins_at_s is not None:
        clock.at_s = begins_at_s
        conduct.begin()
    clock.at_s = 100.0
    conduct.stalled(stall())
    assert conduct.measures()["loop_stalls"] == counts
    assert ("acme" in conduct.troubles()) is bool(counts)


def test_it_is_shown_for_a_minute_and_is_the_agents_own_where_no_plugin_was_at_work() -> None:
    clock = Hand()
    conduct = Conduct(clock, {}, str)
    clock.at_s = 90.0
    conduct.begin()
    conduct.stalled(stall(plugin=None))
    assert conduct.held_up() == "held up the event loop for 1.5 s (acme:1 in probe)"
    assert conduct.troubles() == {}
    clock.at_s += 60
    assert conduct.held_up() is None
