"""What a process of its own costs a machine: its start, its memory, and what one probe takes.

    python benchmarks/isolation.py

The same machine, the market's, twice on one agent: within the agent's process, and in its own. Each figure is
a median of several starts; probes are asked in turns, one of each.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.clock import SystemClock
from agent.config.loading import load
from agent.runtime.agent import Agent

STARTS = 5
PROBES = 300
CONFIG = """
[readiness]
require = {}
[machines.within]
kind = "market"
every = "1h"
[machines.apart]
kind = "market"
every = "1h"
isolation = "process"
[[rule]]
id = "all"
code = "ALL"
when = { market = "*" }
severity = "ok"
"""


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident, and its share of what it has in common with others (PSS)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return kib["Rss"] / 1024, kib["Pss"] / 1024


async def timed(machine: Any) -> float:
    began = time.perf_counter()
    await machine.probe()
    return (time.perf_counter() - began) * 1000


async def one_run(folder: Path) -> dict[str, float]:
    config = folder / "agent.toml"
    config.write_text(CONFIG)
    agent = Agent(load(config, {}), clock=SystemClock(), base_url="http://127.0.0.1")
    began = time.perf_counter()
    await agent.start()
    try:
        await agent.publisher.revised.until(
            lambda _: agent.publisher.latest.document.machines["apart"].state != "UNKNOWN"
        )
        started = (time.perf_counter() - began) * 1000
        within = agent.machines.mounted["within"].subject
        apart: Any = agent.machines.mounted["apart"].subject
        pairs = [(await timed(within), await timed(apart)) for _ in range(PROBES)]
        resident, share = memory_mib(apart._process.pid)
    finally:
        await agent.stop()
    return {
        "start to its first report, ms": started,
        "resident memory, MiB": resident,
        "its share of memory (PSS), MiB": share,
        "one probe within the agent, ms": statistics.median(pair[0] for pair in pairs),
        "one probe in its own process, ms": statistics.median(pair[1] for pair in pairs),
    }


def main() -> None:
    runs = []
    for _ in range(STARTS):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(asyncio.run(one_run(Path(folder))))
    print("| what | median | from – to |\n|---|---|---|")
    for what in runs[0]:
        values = [run[what] for run in runs]
        print(f"| {what} | {statistics.median(values):.2f} | {min(values):.2f} – {max(values):.2f} |")


if __name__ == "__main__":
    main()
