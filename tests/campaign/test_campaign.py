"""Nothing lost and nothing told out of order, wherever the process is killed.

The short form is part of every test run; `make campaign` hits each point thirty times.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.crashpoints import POINTS
from tests.campaign import power
from tests.campaign.figures import FIGURES

TIMES = int(os.environ.get("OPENBELL_CAMPAIGN", "1"))
MOMENTS = ("head", "body", "answer")
SYNCS = range(1, 61) if TIMES > 1 else (2, 9, 24)
FIRST_SYNCS = range(1, 12) if TIMES > 1 else (4, 9)
SPELLS = [(first, first + 9) for first in range(3, 63, 3)] if TIMES > 1 else [(3, 12), (6, 20), (10, 30)]
EVERY = 1 if TIMES > 1 else 25
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


async def test_kills_at_a_sync_lose_nothing(traced_campaign) -> None:
    await traced_campaign.at_syncs(SYNCS)
    assert await traced_campaign.end() == []
    assert traced_campaign.hits["sync"] >= len(SYNCS) * 0.9


async def test_a_kill_at_any_sync_of_the_first_start_leaves_a_journal_to_go_on_with(traced_campaign) -> None:
    for number in FIRST_SYNCS:
        traced_campaign.forget()
        await traced_campaign.at_syncs([number])
        assert await traced_campaign.end() == []
    assert traced_campaign.hits["sync"] == len(FIRST_SYNCS)


@pytest.mark.parametrize(
    ("calls", "error"),
    [
        pytest.param("fdatasync,fsync", "EIO", id="syncs fail"),
        pytest.param("pwrite64", "ENOSPC", id="the disk is full"),
        pytest.param("pwrite64", "EROFS", id="the disk is read-only"),
    ],
)
async def test_a_disk_that_fails_for_a_while_loses_nothing(traced_campaign, calls, error) -> None:
    await traced_campaign.in_peace()
    for first, last in SPELLS:
        await traced_campaign.with_failing(calls, error, first, last)
        if TIMES == 1 and traced_campaign.from_memory:
            break
    assert await traced_campaign.end() == []
    assert traced_campaign.from_memory


async def test_a_power_cut_at_any_moment_loses_nothing(traced_campaign, tmp_path) -> None:
    cuts, wrong = await cut(traced_campaign, tmp_path)
    assert wrong == []
    assert cuts > len(traced_campaign.committed) > 0


async def test_the_campaign_finds_commits_that_are_not_synced(traced_campaign, tmp_path) -> None:
    traced_campaign.bug = "no-sync"
    _, wrong = await cut(traced_campaign, tmp_path)
    assert any(line.startswith("lost in a power cut") for line in wrong)


async def cut(campaign, folder: Path) -> tuple[int, list[str]]:
    """Have the power cut at moments of a recorded life: how often, and what was wrong afterwards."""
    campaign.receiver.calm = True
    log, disk = folder / "calls", folder / "disk"
    await campaign.recorded(log)
    disk.mkdir()
    cuts, wrong = power.judge(log, disk, campaign.dice, every=EVERY)
    FIGURES.append(f"power cuts {cuts}, notices committed {len(campaign.committed)}; wrong {len(wrong)}")
    return cuts, wrong


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
        await campaign.until_found(finding, "committed", nth=3)
    else:
        await campaign.until_hit("claimed", 2)
    assert any(line.startswith(finding) for line in await campaign.end())
