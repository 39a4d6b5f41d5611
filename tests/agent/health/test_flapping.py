"""A condition that comes and goes is one lasting problem."""

from __future__ import annotations

from datetime import timedelta


def flap(desk, times: int, apart: float = 4.0, bad: str = "STALE") -> list[str]:
    """Let the feed go and come back so many times; returns the leading codes on the way."""
    codes = []
    for _ in range(times):
        for state in (bad, "CONNECTED"):
            desk.say("feed", state)
            desk.say("auth", "VALID")
            desk.wait(apart)
            codes.append(desk.code)
    return codes


def test_a_few_changes_are_problems_of_their_own(desk) -> None:
    desk.say_all()
    desk.wait(1)
    assert flap(desk, 3) == ["FEED_STALE", "LIVE"] * 3


def test_more_changes_hold_the_problem_active_with_its_first_sign(desk) -> None:
    desk.say_all()
    desk.wait(1)
    flap(desk, 3)
    began = desk.now
    desk.say("feed", "STALE")
    desk.wait(4)
    desk.say("feed", "CONNECTED")
    desk.wait(60)
    [problem] = desk.evaluation.problems
    assert (desk.code, problem.stage, problem.is_flapping) == ("FEED_STALE", "active", True)
    assert problem.since == began
    assert set(flap(desk, 4)) == {"FEED_STALE"}


def test_it_ends_by_itself_once_it_has_been_calm_for_long_enough(desk) -> None:
    desk.say_all()
    desk.wait(1)
    flap(desk, 4)
    assert desk.code == "FEED_STALE"
    desk.wait(9 * 60)
    assert desk.code == "FEED_STALE"
    desk.wait(2 * 60)
    assert (desk.code, desk.evaluation.problems) == ("LIVE", ())


def test_one_that_never_lasts_long_enough_by_itself_becomes_active_by_flapping(desk) -> None:
    desk.say_all()
    desk.wait(1)
    codes = flap(desk, 6, apart=1.0, bad="DISCONNECTED")
    assert codes[:6] == ["LIVE"] * 6
    assert codes[-1] == "FEED_DISCONNECTED"


def test_the_session_does_not_flap(desk) -> None:
    for _ in range(10):
        for market in ("LIVE", "CLOSED"):
            desk.say_all(market=market)
            desk.wait(5)
            assert desk.code == market


def test_an_unknown_machine_is_no_change(desk) -> None:
    desk.say_all(feed="STALE")
    desk.wait(1)
    for _ in range(10):
        desk.say("feed", "UNKNOWN", "PROBE_TIMEOUT")
        desk.wait(1)
        desk.say("feed", "STALE")
        desk.wait(1)
    assert not next(p for p in desk.evaluation.problems if p.rule.id == "feed-stale").is_flapping


def test_the_named_wake_up_is_the_end_of_the_flapping(desk) -> None:
    desk.say_all()
    desk.wait(1)
    flap(desk, 4)
    calm = desk.evaluation.next_at
    assert calm is not None
    desk.wait((calm - desk.now - timedelta(milliseconds=1)).total_seconds())
    assert desk.phase("feed-stale") == "active"
    desk.wait(0.001)
    assert desk.phase("feed-stale") in ("active", "clearing")
