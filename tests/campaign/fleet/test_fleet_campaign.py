"""A desk of three agents on one database: whatever is killed, frozen or cut off, nothing is lost.

The short form is part of every test run; `make campaign` goes on for ten minutes.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.campaign.figures import FIGURES
from tests.campaign.fleet.campaign import campaigning, verdict
from tests.postgres import Database

IS_LONG = int(os.environ.get("OPENBELL_CAMPAIGN", "1")) > 1
SEED = int(os.environ.get("OPENBELL_CAMPAIGN_SEED", "20261130"))
LASTS_S, LONGEST_S = (600.0, 40.0) if IS_LONG else (24.0, 6.0)


async def test_three_agents_through_kills_freezes_and_cuts_tell_everything_once_and_in_order(
    fallible: Database, tmp_path: Path
) -> None:
    async with campaigning(tmp_path, fallible, random.Random(SEED)) as campaign:
        await campaign.run(LASTS_S, longest_s=LONGEST_S)
        await campaign.settle()
        wrong, figures = verdict(campaign)
    FIGURES.append(figures)
    assert wrong == [], figures
