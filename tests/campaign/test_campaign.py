"""Nothing lost and nothing told out of order, wherever the process is killed.

The short form is part of every test run; `make campaign` hits each point thirty times.
"""

from __future__ import annotations

import os

import pytest

from agent.crashpoints import POINTS

TIMES = int(os.environ.get("OPENBELL_CAMPAIGN", "1"))
MOMENTS = ("head", "body", "answer")
RANDOM_KILLS = 4 if TIMES == 1 else TIMES * 10


async def test_kills_at_each_named_point_lose_nothing(campaign) -> None:
    for point in POINTS:
        await campaign.until_hit(point, TIMES)
    assert await campaign.end() == []
    assert set(campaign.hits) == set(POINTS)
    assert all(campaign.hits[point] >= TIMES for point in POINTS)
    assert len(campaign.committed) >= TIMES, "a life may end on a letter that an earlier one committed"


async def test_kills_while_the_receiver_reads_and_answers_lose_nothing(campaign) -> None:
    for moment in MOMENTS:
        await campaign.until_struck(moment, TIMES)
    assert await campaign.end() == []


async def test_kills_at_random_lose_nothing(campaign) -> None:
    await campaign.at_random(RANDOM_KILLS)
    assert await campaign.end() == []
    assert campaign.hits["random"] == RANDOM_KILLS


@pytest.mark.parametrize(
    ("bug", "finding"),
    [
        pytest.param("mark-before-send", "lost", id="marked before it is sent"),
        pytest.param("new-id", "an id that no letter has", id="a new id for each attempt"),
        pytest.param("event-outside", "untold", id="the event outside the transaction"),
        pytest.param("no-recovery", "lost", id="nothing taken up at the start"),
    ],
)
async def test_the_campaign_finds_a_mistake_that_was_made_on_purpose(campaign, bug, finding) -> None:
    campaign.bug = bug
    campaign.receiver.calm = True
    if bug == "mark-before-send":
        await campaign.until_struck("head", 2)
    elif bug == "event-outside":
        await campaign.until_hit("committed", 3, nth=4)
    else:
        await campaign.until_hit("claimed", 2)
    assert any(line.startswith(finding) for line in await campaign.end())
