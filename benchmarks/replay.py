"""A recorded day of 100,000 reports through the whole line: how long a backtest takes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.config.loading import load
from agent.model import Report
from agent.runtime.replay import Replay
from agent.store.rows import Received, read_report, report_text

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
REPORTS = 100_000


def day() -> list[Received]:
    """Feed reports twice a second, a change every ten minutes, the others as often as they come."""
    received = []
    for number in range(REPORTS):
        at = START + timedelta(seconds=number * 0.5)
        machine, state, reason = "feed", "CONNECTED", "TICKING"
        if number % 1200 < 8:
            state, reason = "STALE", "NO_TICKS"
        if number % 30 == 1:
            machine, state, reason = "auth", "VALID", "VERIFIED"
        if number % 600 == 2 or number == 0:
            machine, state, reason = "market", "LIVE", "SESSION"
        report = Report(state=state, reason=reason, observed_at=at, measures={"tick_age_s": 0.3})
        received.append(Received(at, machine, report))
    return received


if __name__ == "__main__":
    blueprint = load(Path(__file__).parent.parent / "agent.toml")
    texts = [(one.at, one.machine, report_text(one.report)) for one in day()]
    began = time.perf_counter()
    read = [Received(at, machine, read_report(text)) for at, machine, text in texts]
    was_read = time.perf_counter()
    replay = Replay(blueprint, START)
    moments = list(replay.feed(read))
    ended = time.perf_counter()
    notices = sum(len(moment.dispatches) for moment in moments)
    print(f"{REPORTS} reports, {notices} notices")
    print(f"read {was_read - began:.1f} s, replayed {ended - was_read:.1f} s")
