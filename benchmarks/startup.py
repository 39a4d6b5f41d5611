"""What the program costs to start and to keep: the real process, its shipped configuration, from outside.

    python benchmarks/startup.py             # five starts, and half a minute of rest
    python benchmarks/startup.py --runs 3 --rest 10

Each run is `openbell demo` on free ports, with an empty data folder: the agent and the simulated broker in
one process, nobody logged in. Then one more is logged in while the market is live, and one on a Sunday, whose
feed is connected and quiet; CPU and resident memory are read from /proc. Import caches are warm from the
second start on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IN_SESSION = "2026-11-23T10:00:00+05:30"
PATIENCE_S = 30.0
SUNDAY = "2026-11-22T10:00:00+05:30"
SETTLE_S = 5.0


@contextmanager
def program(folder: Path, at: str = IN_SESSION) -> Iterator[tuple[subprocess.Popen[str], str, str, float]]:
    """A demo that is up: the process, the page's address, the broker's, and the time of its ready line."""
    command = [sys.executable, "-m", "agent.cli", "demo", "--port", "0", "--broker-port", "0"]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--at", at, "--data-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        taken = time.monotonic() - began
        page, broker = re.findall(r"http://[\d.:]+\d", line)
        yield process, page, broker, taken
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def document(page: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{page}/api/system/health") as answer:
        return dict(json.load(answer))


def first_answer(page: str, began: float) -> float:
    """Seconds until the document says something other than that the agent is starting."""
    while document(page)["code"] == "STARTING":
        if time.monotonic() - began > PATIENCE_S:
            raise SystemExit("the agent never got beyond STARTING")
    return time.monotonic() - began


def log_in(page: str) -> None:
    """What two clicks do: the page's login button and the broker's."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()), Approve())
    browser.open(page).read()
    browser.open(f"{page}/api/auth/login").read()
    began = time.monotonic()
    while feed_state(page) != "CONNECTED" and time.monotonic() - began < PATIENCE_S:
        time.sleep(0.1)


def feed_state(page: str) -> str:
    with urllib.request.urlopen(f"{page}/api/system/health/feed") as answer:
        return str(json.load(answer)["state"])


class Approve(urllib.request.HTTPRedirectHandler):
    """Presses the one button of the broker's page."""

    def redirect_request(self, *place: Any) -> urllib.request.Request | None:
        *before, target = place
        approved = f"{target}&approve=1" if "/connect/login" in target else target
        return super().redirect_request(*before, approved)


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_s(pid: int) -> float:
    """Time on a processor of all threads; to the nanosecond, where `stat` has hundredths of a second."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def rest(at: str, seconds: float) -> str:
    """What one that is logged in costs while nothing is asked of it."""
    with tempfile.TemporaryDirectory() as folder, program(Path(folder) / "desk", at) as (process, page, *_):
        first_answer(page, time.monotonic())
        log_in(page)
        time.sleep(SETTLE_S)
        before, began = cpu_s(process.pid), time.monotonic()
        time.sleep(seconds)
        used = (cpu_s(process.pid) - before) / (time.monotonic() - began)
        return f"CPU {used * 100:.2f} % of a core over {seconds:g} s, {resident_mib(process.pid):.1f} MiB"


def spread(values: list[float], unit: str) -> str:
    middle, lowest, highest = statistics.median(values), min(values), max(values)
    return f"median {middle:.2f} {unit} (of {len(values)}: {lowest:.2f} to {highest:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how many starts")
    parser.add_argument("--rest", type=float, default=30.0, help="seconds of rest that are measured")
    wanted = parser.parse_args()
    ready, answered, resident = [], [], []
    for _ in range(wanted.runs):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            with program(Path(folder) / "desk") as (process, page, _, taken):
                ready.append(taken)
                answered.append(first_answer(page, began))
                resident.append(resident_mib(process.pid))
    print(f"start to ready line      {spread(ready, 's')}")
    print(f"start to first document  {spread(answered, 's')}")
    print(f"resident after start     {spread(resident, 'MiB')}")
    print(f"logged in, feed ticking  {rest(IN_SESSION, wanted.rest)}")
    print(f"logged in, feed quiet    {rest(SUNDAY, wanted.rest)}")


if __name__ == "__main__":
    main()
