"""A problem that lasts has its remedy applied, and the history shows what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import LIVE
from tests.e2e.test_trading_process import PUSHED

REMEDIES = """
[[remedy]]
id = "call-for-help"
rule = "auth-required"
after = "1s"
at_most = 2
command = ["/bin/sh", "-c", "echo helped with demo-secret; exit 7"]

[[remedy]]
id = "try-again"
rule = "auth-required"
after = "1s"
at_most = 1
machine = "strategy"
action = "reconnect"
"""


async def test_a_remedy_runs_is_kept_in_the_history_and_shows_no_secret(
    start: Callable[..., Any], reach_desk: Callable[..., Any], tmp_path: Path
) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(PUSHED + REMEDIES)
    config.chmod(0o600)
    desk = await reach_desk(await start("run", "-c", str(config), "--at", LIVE), tmp_path)
    failed = await desk.recorded("call-for-help", "FAILED")
    assert (failed["subject"], failed["reason"]) == ("remedy", "EXIT_7")
    assert failed["message"] == "helped with ***"
    began = await desk.recorded("call-for-help", "RUNNING")
    assert (began["reason"], began["message"]) == ("auth-required", "/bin/sh")
    assert failed["incident"] == began["incident"]
    incident = await desk.get(f"/api/system/incidents/{failed['incident']}")
    kept = [row["message"] for row in incident["timeline"] if row["subject"] == "remedy"]
    assert "helped with ***" in kept
    acted = await desk.recorded("try-again", "FAILED")
    assert "no trading process reports" in acted["message"]
    assert "demo-secret" not in "".join(desk.program.output)


@pytest.mark.parametrize(
    ("remedy", "complaint"),
    [
        pytest.param('rule = "feed-stal"\ncommand = ["true"]', "did you mean `feed-stale`?", id="rule"),
        pytest.param(
            'rule = "feed-stale"\nmachine = "strategy"\naction = "reconect"',
            "did you mean `reconnect`?",
            id="action",
        ),
        pytest.param(
            'rule = "feed-stale"\nmachine = "stratgy"\naction = "reconnect"',
            "did you mean `strategy`?",
            id="machine",
        ),
        pytest.param('rule = "feed-stale"', "either a command", id="nothing to do"),
        pytest.param('rule = "feed-stale"\nmachine = "strategy"', "either a command", id="half an action"),
    ],
)
async def test_a_remedy_that_can_never_work_is_found_when_the_file_is_loaded(
    start: Callable[..., Any], tmp_path: Path, remedy: str, complaint: str
) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(f'{PUSHED}\n[[remedy]]\nid = "help"\n{remedy}\n')
    config.chmod(0o600)
    program = await start("check", "-c", str(config))
    assert await program.ended() == 2
    said = "".join(program.output)
    assert complaint in said
    assert "remedy" in said
