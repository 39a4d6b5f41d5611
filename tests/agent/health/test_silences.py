"""Silences mute, for a while, and hide nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.model import Silence


def silence(desk, seconds: float = 600, after: float = 0, **names: str) -> Silence:
    return Silence(
        id="s-1",
        who="asha",
        why="maintenance",
        starts_at=desk.now + timedelta(seconds=after),
        ends_at=desk.now + timedelta(seconds=after + seconds),
        **names,
    )


@pytest.mark.parametrize(
    ("names", "covered"),
    [
        pytest.param({"rule": "feed-stale"}, True, id="by rule"),
        pytest.param({"code": "FEED_STALE"}, True, id="by code"),
        pytest.param({"machine": "feed"}, True, id="by machine"),
        pytest.param({"group": "kite"}, True, id="by group"),
        pytest.param({"rule": "feed-stale", "group": "kite"}, True, id="by both"),
        pytest.param({"rule": "feed-stale", "group": "other"}, False, id="another group"),
        pytest.param({"machine": "auth"}, False, id="another machine"),
    ],
)
def test_it_covers_what_it_names(desk, names, covered) -> None:
    desk.quiet = [silence(desk, **names)]
    desk.say_all(feed="STALE")
    assert (desk.phase("feed-stale") == "silenced") is covered


def test_the_document_still_tells_how_things_are(desk) -> None:
    desk.quiet = [silence(desk, rule="feed-stale")]
    desk.say_all(feed="STALE")
    assert (desk.code, desk.phase("feed-stale")) == ("FEED_STALE", "silenced")


def test_its_end_is_an_evaluation_with_the_age_kept(desk) -> None:
    desk.quiet = [silence(desk, 600, rule="feed-stale")]
    desk.say_all(feed="STALE")
    began = desk.now
    desk.wait(599.999)
    assert desk.evaluation.next_at == began + timedelta(seconds=600)
    assert desk.phase("feed-stale") == "silenced"
    desk.wait(0.001)
    assert (desk.phase("feed-stale"), desk.evaluation.lead.since) == ("active", began)


def test_one_that_begins_later_begins_then(desk) -> None:
    desk.say_all(feed="STALE")
    desk.quiet = [silence(desk, 60, after=30, rule="feed-stale")]
    desk.evaluate()
    desk.wait(29.999)
    assert desk.phase("feed-stale") == "active"
    desk.wait(0.001)
    assert desk.phase("feed-stale") == "silenced"
