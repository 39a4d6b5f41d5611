"""What a watcher tells, by the rules that it brings along, replayed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.cli.watcher import overrides
from agent.config.loading import load
from agent.model import Report
from agent.runtime.replay import Replay
from agent.store.rows import Received

START = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
FILE = '[notifiers.hook]\nkind = "webhook"\nurl = "https://hook.example/"\n'


def said(after_s: float, machine: str, state: str, reason: str, **measures: float) -> Received:
    at = START + timedelta(seconds=after_s)
    report = Report(
        state=state,
        reason=reason,
        observed_at=at,
        message=reason.lower(),
        valid_for=timedelta(days=1),
        measures=measures,
    )
    return Received(at, machine, report)


BEGIN = (said(0, "agent", "WELL", "NOMINAL"), said(1, "desk", "HEARD", "ANSWERING"))
OFFLINE = said(10, "agent", "DEGRADED", "NETWORK", offline_s=0.0)
SILENT = said(40, "desk", "SILENT", "NO_ANSWER")
ONLINE = said(100, "agent", "WELL", "NOMINAL")


@pytest.mark.parametrize(
    ("day", "told"),
    [
        pytest.param(
            (SILENT, said(90, "desk", "HEARD", "ANSWERING")),
            ["40 problem AGENT_SILENT", "90 recovery AGENT_HEARD"],
            id="silent, and back",
        ),
        pytest.param(
            (SILENT, said(50, "desk", "UNKNOWN", "PROBE_FAILED"), said(60, "desk", "SILENT", "NO_ANSWER")),
            ["40 problem AGENT_SILENT"],
            id="an alarm is not ended by what is not known",
        ),
        pytest.param((said(40, "desk", "RESTING", "NO_ANSWER"),), [], id="silent while it may be"),
        pytest.param(
            (OFFLINE, SILENT, ONLINE, said(159, "desk", "HEARD", "ANSWERING")),
            ["10 problem AGENT_DEGRADED", "159 recovery AGENT_HEARD"],
            id="the watcher's own network was lost",
        ),
        pytest.param(
            (OFFLINE, SILENT, ONLINE, said(400, "desk", "SILENT", "NO_ANSWER")),
            ["10 problem AGENT_DEGRADED", "160 problem AGENT_SILENT"],
            id="the watcher's own network is back, and the desk is not",
        ),
    ],
)
def test_the_desks_silence_is_told_and_not_the_watchers_own(
    tmp_path: Path, day: tuple[Received, ...], told: list[str]
) -> None:
    (tmp_path / "watch.toml").write_text(FILE)
    given = overrides("https://desk.example", None, timedelta(seconds=30))
    replay = Replay(load(tmp_path / "watch.toml", {}, overrides=given), START)
    moments = [*replay.feed([*BEGIN, *day]), *replay.run_until(START + timedelta(minutes=10))]
    notices = [one.notice for moment in moments for one in moment.dispatches]
    found = [f"{(one.created_at - START).total_seconds():g} {one.type} {one.code}" for one in notices]
    assert found == told
