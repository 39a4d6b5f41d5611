"""A week in some minutes, against the real agent: what it holds must stay flat after the first day.

    python benchmarks/soak.py                # seven days, each of a minute: 10,000 transitions, 1,000 streams
    python benchmarks/soak.py --days 2 --transitions 2000 --streams 200

Agent and simulated broker are one process of their own, whose wall clock jumps over the quiet hours: to the
morning on which the token is dead, past the bell, and past the close. Between them every fault of the
simulator is done and lifted again, the token dies twice and is fetched by a login, a trading process pushes
reports that each change a state, event streams are opened and closed, and a receiver of notices refuses every
fifth. Every few seconds memory, descriptors, threads, tasks and the journal's size are read; at the end of
each day the living objects are counted, so that a leak has a name.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import signal
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

ROOT = Path(__file__).resolve().parent.parent
MONDAY = datetime.fromisoformat("2026-11-30T00:00:00+05:30")
MORNING, SESSION, EVENING = (
    timedelta(hours=8, minutes=20),
    timedelta(hours=9, minutes=20),
    timedelta(hours=16),
)
HELD_S = 2.5
SAMPLE_S = 3.0
PATIENCE_S = 60.0
REFUSED = 5
AT_ONCE = 25
"""Event streams that are open at the same time."""
TOKEN = "the-token-of-a-soaked-strategy"
FEED = ("stall", "mute", "partial", "lag", "frozen", "drop", "refuse", "half-open", "malformed")
REST = ("slow", "error", "rate-limit", "garbage", "forbidden", "drop")
STRATEGIES = 15
"""Trading processes that report: of each, the agent lets two reports a second in."""
STRATEGY = """
[machines.strategy-{number}]
kind = "pushed-feed"
"""
NOTIFIER = """
[notifiers.desk]
kind = "webhook"
url = "http://127.0.0.1:{port}/"
allow_private = true
"""


# -- the agent, a process whose wall clock can be set ------------------------------------------


async def serve(folder: Path) -> None:
    """The shipped configuration, and more; obeys the lines that come in on standard input."""
    from agent.cli.run import serving
    from agent.clock import SystemClock
    from agent.config.loading import load

    class Jumping(SystemClock):
        """The system's clock, set by us as an operator sets a wall clock."""

        ahead = timedelta(0)

        def wall(self) -> datetime:
            return super().wall() + self.ahead

        def jump(self, instant: datetime) -> None:
            self.ahead += instant - self.now()

    clock = Jumping(MONDAY)
    ports = {("server", "port"): 0, ("simulator", "port"): 0}
    blueprint = load(folder / "agent.toml", overrides=ports)
    async with serving(blueprint, clock) as addresses:
        answer([address.rpartition(" ")[2] for address in addresses])
        async for line in lines_in():
            match line.split():
                case ["jump", instant]:
                    clock.jump(datetime.fromisoformat(instant))
                    answer("jumped")
                case ["count"]:
                    answer({"tasks": len(asyncio.all_tasks()), "threads": threading.active_count()})
                case ["census"]:
                    gc.collect()
                    answer(Counter(f"{type(o).__module__}.{type(o).__qualname__}" for o in gc.get_objects()))


def answer(said: object) -> None:
    print(json.dumps(said), flush=True)


async def lines_in() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode()


@dataclass(frozen=True, slots=True)
class Program:
    """The agent as seen from here."""

    process: asyncio.subprocess.Process
    page: str
    broker: str
    folder: Path
    turn: asyncio.Lock

    async def ask(self, words: str) -> Any:
        async with self.turn:
            self.process.stdin.write(f"{words}\n".encode())  # type: ignore[union-attr]
            return json.loads(await self.process.stdout.readline())  # type: ignore[union-attr]

    @property
    def journal(self) -> Path:
        return self.folder / "data" / "journal.sqlite"


@asynccontextmanager
async def program(folder: Path, receiver: int) -> AsyncIterator[Program]:
    shipped = (ROOT / "agent.toml").read_text()
    briefer = shipped.replace('stale_after = "10s"', 'stale_after = "1s"').replace(
        'every = "10s"', 'every = "2s"'
    )
    strategies = "".join(STRATEGY.format(number=number) for number in range(STRATEGIES))
    extras = strategies + NOTIFIER.format(port=receiver)
    server = f'[server]\npush_token = "{TOKEN}"'
    (folder / "agent.toml").write_text(briefer.replace("[server]", server) + extras)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--agent", str(folder)),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=(folder / "log").open("w"),
        limit=2**22,
    )
    try:
        first = await process.stdout.readline()  # type: ignore[union-attr]
        if not first:
            raise SystemExit((folder / "log").read_text())
        page, broker = json.loads(first)
        yield Program(process, page.rstrip("/"), broker.rstrip("/"), folder, asyncio.Lock())
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


# -- what is done to it ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Week:
    """The program, and the hands that are laid on it."""

    program: Program
    session: aiohttp.ClientSession
    done: Counter[str]

    async def to(self, instant: datetime) -> None:
        """Set the wall clock, and wait until the agent has followed it."""
        await self.program.ask(f"jump {instant.isoformat()}")
        async with asyncio.timeout(PATIENCE_S):
            while datetime.fromisoformat((await self.get("/sim/state"))["clock"]) < instant:
                await asyncio.sleep(0.2)

    async def get(self, path: str) -> Any:
        base = self.program.broker if path.startswith("/sim") else self.program.page
        async with self.session.get(base + path) as answered:
            return await answered.json()

    async def break_with(self, side: str, fault: str) -> None:
        for wanted in (fault, None):
            async with self.session.post(
                f"{self.program.broker}/sim/{side}", json={"fault": wanted}
            ) as answered:
                answered.raise_for_status()
            await asyncio.sleep(HELD_S if wanted else HELD_S / 2)
        self.done["faults"] += 1

    async def end_token(self, how: str) -> None:
        async with self.session.post(f"{self.program.broker}/sim/token", json={"do": how}) as answered:
            answered.raise_for_status()

    async def log_in(self) -> None:
        """What a person does: the page, its button, the broker's button; until the token is good."""
        page = self.program.page
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            await (await browser.get(page)).read()
            async with browser.get(f"{page}/api/auth/login", allow_redirects=False) as sent:
                target = sent.headers["Location"]
            await (await browser.get(f"{target}&approve=1")).read()
        async with asyncio.timeout(PATIENCE_S):
            while (await self.get("/api/system/health/auth"))["state"] != "VALID":
                await asyncio.sleep(0.1)
        self.done["logins"] += 1

    async def day(self, midnight: datetime) -> None:
        await self.to(midnight + MORNING)
        await self.log_in()
        await self.to(midnight + SESSION)
        for side, fault in [*(("feed", f) for f in FEED), *(("rest", f) for f in REST)]:
            await self.break_with(side, fault)
        for how in ("revoke", "expire"):
            await self.end_token(how)
            await asyncio.sleep(HELD_S)
            await self.log_in()
        await self.to(midnight + EVENING)

    async def push(self, count: int, seconds: float) -> None:
        """Reports that each change a state, spread over the time."""
        address = f"{self.program.page}/api/system/push/strategy"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        for number in range(count):
            turn, strategy = divmod(number, STRATEGIES)
            beat = {"process": "p", "connected": bool(turn % 2), "opened": 1, "failed": turn // 2}
            async with self.session.post(f"{address}-{strategy}", json=beat, headers=headers) as answered:
                answered.raise_for_status()
            self.done["reports"] += 1
            await asyncio.sleep(seconds / count)

    async def stream(self, count: int, seconds: float) -> None:
        """Event streams, some at a time, each held until a document came."""
        for _ in range(0, count, AT_ONCE):
            await asyncio.gather(*(self._one_stream() for _ in range(AT_ONCE)))
            await asyncio.sleep(seconds * AT_ONCE / count)

    async def _one_stream(self) -> None:
        address = f"{self.program.page}/api/system/events"
        async with aiohttp.ClientSession() as own, own.get(address) as opened:
            async for line in opened.content:
                if line.startswith(b"data:"):
                    break
        self.done["streams"] += 1


@asynccontextmanager
async def receiver(done: Counter[str]) -> AsyncIterator[int]:
    """Takes notices, and refuses every fifth of them."""
    numbers = itertools.count(1)

    async def take(request: web.Request) -> web.Response:
        await request.read()
        refused = next(numbers) % REFUSED == 0
        done["refused notices" if refused else "notices"] += 1
        return web.Response(status=503 if refused else 204)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


# -- what is measured --------------------------------------------------------------------------

Sample = Mapping[str, float]


async def sample(program: Program, day: int) -> Sample:
    process = Path(f"/proc/{program.process.pid}")
    pages = int((process / "statm").read_text().split()[1])
    files = [program.journal, program.journal.with_name("journal.sqlite-wal")]
    return {
        "day": day,
        "memory, MiB": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        "descriptors": len(list((process / "fd").iterdir())),
        **await program.ask("count"),
        "journal, MiB": sum(file.stat().st_size for file in files if file.exists()) / 2**20,
    }


async def keep_sampling(program: Program, samples: list[Sample], today: list[int]) -> None:
    while True:
        samples.append(await sample(program, today[-1]))
        await asyncio.sleep(SAMPLE_S)


def rows(program: Program) -> dict[str, int]:
    with sqlite3.connect(f"file:{program.journal}?mode=ro", uri=True) as journal:
        tables = ("transition", "report", "incident", "outbox")
        return {name: journal.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


# -- what is told ------------------------------------------------------------------------------


def table(samples: Sequence[Sample]) -> Iterator[str]:
    """Each day's median of each measure, and the growth a day after the first."""
    days = sorted({int(one["day"]) for one in samples})
    yield "| median of the day | " + " | ".join(map(str, days)) + " | growth a day |"
    yield "|---|" + "---|" * (len(days) + 1)
    for name in list(samples[0])[1:]:
        medians = [statistics.median(one[name] for one in samples if one["day"] == day) for day in days]
        cells = " | ".join(f"{value:.1f}" for value in medians)
        yield f"| {name} | {cells} | {slope(medians[1:]):+.2f} |"


def slope(values: Sequence[float]) -> float:
    """The median of the slopes between all pairs: a single high value does not tilt it."""
    pairs = itertools.combinations(enumerate(values), 2)
    slopes = [(later - former) / (y - x) for (x, former), (y, later) in pairs]
    return statistics.median(slopes) if slopes else 0.0


def plot(values: Sequence[float], *, width: int = 84, height: int = 6) -> Iterator[str]:
    """The values over the week, from zero: what is flat looks flat."""
    per = max(1, -(-len(values) // width))
    columns = [statistics.median(values[at : at + per]) for at in range(0, len(values), per)]
    top = max(columns) or 1
    for row in range(height, 0, -1):
        mark = f"{top:.0f}" if row == height else "0" if row == 1 else ""
        yield f"{mark:>6} │" + "".join(
            "█" if value > top * (row - 0.5) / height else " " for value in columns
        )


def grown(before: Mapping[str, int], after: Mapping[str, int], days: int) -> Iterator[str]:
    """The kinds of objects of which there are more each day."""
    more = Counter(after)
    more.subtract(before)
    for kind, count in more.most_common(12):
        if count >= 5 * days:
            yield f"  {kind}: {before.get(kind, 0)} → {after[kind]}"


async def soak(days: int, transitions: int, streams: int, folder: Path) -> None:
    done: Counter[str] = Counter()
    samples: list[Sample] = []
    censuses: list[dict[str, int]] = []
    today = [1]
    began = time.monotonic()
    async with receiver(done) as port, program(folder, port) as running, aiohttp.ClientSession() as session:
        week = Week(running, session, done)
        sampling = asyncio.create_task(keep_sampling(running, samples, today))
        for number in range(days):
            today.append(number + 1)
            length = 15 * HELD_S * 1.5 + 10
            beside = [
                asyncio.create_task(week.push(transitions // days, length)),
                asyncio.create_task(week.stream(streams // days, length)),
            ]
            await week.day(MONDAY + timedelta(days=number))
            await asyncio.gather(*beside)
            censuses.append(await running.ask("census"))
            print(f"day {number + 1}: {dict(samples[-1])}", file=sys.stderr, flush=True)
        sampling.cancel()
        print(f"{days} days in {(time.monotonic() - began) / 60:.1f} minutes: {dict(done)}")
        print(f"rows {rows(running)}\n")
    print("\n".join(table(samples)))
    for name in list(samples[0])[1:]:
        print(f"\n{name}", *plot([one[name] for one in samples]), sep="\n")
    if len(censuses) > 2:
        print("\nobjects of which there were more at the end of each day, from the second to the last")
        print(*grown(censuses[1], censuses[-1], days - 2), sep="\n")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--days", type=int, default=7)
    asked.add_argument("--transitions", type=int, default=10_000, help="reports that change a state, in all")
    asked.add_argument("--streams", type=int, default=1_000, help="event streams opened and closed, in all")
    asked.add_argument("--agent", type=Path, metavar="FOLDER", help="be the agent of this folder")
    said = asked.parse_args()
    if said.agent is not None:
        asyncio.run(serve(said.agent))
        return
    with tempfile.TemporaryDirectory(prefix="openbell-soak-") as folder:
        asyncio.run(soak(said.days, said.transitions, said.streams, Path(folder)))


if __name__ == "__main__":
    main()
