"""The plan of blows: the same for one seed, within its bounds, and of every kind in the long form."""

from __future__ import annotations

import random

from tests.campaign.fleet.chaos import SPANS, Kind, plan


def test_one_seed_makes_one_plan() -> None:
    assert list(plan(random.Random(7), 600.0, 3)) == list(plan(random.Random(7), 600.0, 3))


def test_blows_stay_within_their_bounds() -> None:
    for blow in plan(random.Random(7), 600.0, 3, longest_s=20.0):
        least, most = SPANS[blow.kind]
        assert 2.0 <= blow.at_s < 600.0
        assert blow.target in (None, 0, 1, 2)
        assert least <= blow.lasts_s <= min(most, 20.0)


def test_ten_minutes_have_every_kind_and_some_at_the_same_moment() -> None:
    blows = list(plan(random.Random(20261130), 600.0, 3))
    assert {blow.kind for blow in blows} == set(Kind)
    moments = [blow.at_s for blow in blows]
    assert len(moments) > len(set(moments))
