"""Lives of a desk that are ended by kill -9, and the receiver's own log to judge them by."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sqlite3
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.crashpoints import VARIABLE
from tests.campaign import power
from tests.campaign.figures import FIGURES
from tests.disks import need_tracing

DESK = Path(__file__).with_name("desk.py")
CHANGES = 12
"""How often the feed changes in one life."""

RARE = {"failed": 2, "buried": 1}
"""The points that a life does not pass often, and the latest passing that is asked for."""

EDGES = "SELECT after FROM transition WHERE subject = 'lead' AND before IN ('LIVE', 'FEED_STALE')"
"""The changes of the leading answer within one life: each of them is told."""

LIFE_S = 60.0
KILLED = -9


@dataclass(frozen=True)
class Seen:
    """One request whose body the receiver has read to its end."""

    id: str
    type: str
    incident: str
    body: str


@dataclass
class Receiver:
    """Takes webhooks, misbehaves by the dice, and keeps the log that counts.

    `moment` is the point of a request, `head`, `body` or `answer`, at which it kills the sender.
    """

    dice: random.Random
    log: list[Seen] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    moment: str | None = None
    victim: asyncio.subprocess.Process | None = None
    calm: bool = False
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if self._strike("head"):
            return  # what the kill may have let through behind it was not taken
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        body = await reader.readexactly(length)
        draw = 1.0 if self.calm else self.dice.random()
        if draw < 0.08:
            writer.write(b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        read = json.loads(body)
        digest = hashlib.sha256(body).hexdigest()
        if read["incident"] is not None:  # a word on what was given up is of no incident
            self.log.append(Seen(read["id"], read["type"], read["incident"]["id"], digest))
        self._strike("body")
        if draw < 0.16:
            return
        if draw < 0.22:
            self.refused.add(read["id"])
            writer.write(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        elif draw < 0.27:
            writer.write(b"HTTP/1.1 200")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        self._strike("answer")

    def _strike(self, moment: str) -> bool:
        strikes = moment == self.moment and self.victim is not None and self.victim.returncode is None
        if strikes and self.victim is not None:
            self.victim.kill()
        return strikes


@dataclass
class Campaign:
    """One desk's lives, one after the other, and what it said that it had committed."""

    folder: Path
    receiver: Receiver
    dice: random.Random
    bug: str = ""
    committed: set[str] = field(default_factory=set)
    from_memory: set[str] = field(default_factory=set)
    hits: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def until_hit(self, point: str, times: int = 1, *, nth: int | None = None) -> None:
        """Live until the point has ended so many lives, at its `nth` passing or by the dice."""
        for _ in range(times * 12):
            if self.hits[point] >= times:
                return
            crash = {VARIABLE: f"{point}:{nth or self.dice.randint(1, RARE.get(point, 5))}"}
            self.hits[point] += await self._live(environment=crash) == KILLED
        assert self.hits[point] >= times, f"{point} was met {self.hits[point]} of {times} times"

    async def until_found(self, finding: str, point: str, *, nth: int) -> None:
        """Lives that end at a point, until one of them shows it."""
        for _ in range(20):
            self.hits[point] += await self._live(environment={VARIABLE: f"{point}:{nth}"}) == KILLED
            if any(line.startswith(finding) for line in self.judge()):
                return

    async def until_struck(self, moment: str, times: int = 1) -> None:
        """The same at a moment of the receiver's."""
        for _ in range(times * 4):
            if self.hits[moment] >= times:
                break
            self.receiver.moment = moment
            self.hits[moment] += await self._live() == KILLED
            self.receiver.moment = None
        assert self.hits[moment] >= times

    async def at_syncs(self, numbers: Sequence[int]) -> None:
        """Kills at the so-manieth sync of a life; one that ends before it counts for none."""
        for number in numbers:
            code = await self._live(
                changes=CHANGES + 3 * number, trace=_inject("fdatasync,fsync", "signal=SIGKILL", number)
            )
            self.hits["sync"] += code == KILLED

    async def with_failing(self, calls: str, error: str, first: int, last: int) -> None:
        """A life in which the `first` to the `last` of some calls fail; it goes on, and ends in order.

        One that cannot even be started ends at once, and counts for none.
        """
        code = await self._live(trace=_inject(calls, f"error={error}", f"{first}..{last}"))
        assert code in (0, 1), f"{error} at {first} to {last} of {calls} ended a life with {code}"
        self.hits[error] += code == 0

    def forget(self) -> None:
        """Another desk, which nobody has heard of yet."""
        for file in self.folder.iterdir():
            file.unlink()
        self.committed.clear()
        self.receiver.log.clear()
        self.receiver.calm = False

    async def in_peace(self) -> None:
        assert await self._live(changes=2) == 0

    async def recorded(self, log: Path) -> None:
        """A life of which every write and every sync is recorded."""
        assert await self._live(trace=(*power.TRACE, "-o", str(log))) == 0

    async def at_random(self, times: int) -> None:
        """Kills 0 to 250 ms after the first sign of life; a life that ended before counts for none."""
        for _ in range(times * 4):
            if self.hits["random"] >= times:
                return
            code = await self._live(kill_after_s=self.dice.uniform(0.0, 0.25))
            self.hits["random"] += code == KILLED
        assert self.hits["random"] >= times

    async def end(self) -> list[str]:
        """One last life in peace, to its orderly end; what is wrong after it."""
        self.receiver.calm = True
        assert await self._live(changes=0) == 0
        wrong = self.judge()
        FIGURES.append(self._figures(wrong))
        return wrong

    def _figures(self, wrong: Sequence[str]) -> str:
        hits = ", ".join(f"{point} {count}" for point, count in self.hits.items())
        ids = {seen.id for seen in self.receiver.log}
        twice = len(self.receiver.log) - len(ids)
        return (
            f"lives ended at: {hits or 'none'}; notices {len(self._rows('SELECT id FROM outbox'))}, of these "
            f"committed as heard {len(self.committed)}, from memory {len(self.from_memory)}; "
            f"received {len(ids)}, {twice} of them again with the same id; wrong {len(wrong)}"
        )

    async def _live(
        self,
        *,
        changes: int = CHANGES,
        kill_after_s: float | None = None,
        environment: dict[str, str] | None = None,
        trace: Sequence[str] = (),
    ) -> int:
        process = await asyncio.create_subprocess_exec(
            *trace, sys.executable, str(DESK), str(self.folder), self.receiver.url, self.bug,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        self.receiver.victim = process
        self._turn = asyncio.Semaphore(1)
        changing = asyncio.ensure_future(self._change(process, changes))
        try:
            async with asyncio.timeout(LIFE_S):
                await self._listen(process, kill_after_s)
                return await process.wait()
        finally:
            _kill(process)
            changing.cancel()
            await asyncio.gather(changing, return_exceptions=True)

    async def _change(self, process: asyncio.subprocess.Process, changes: int) -> None:
        """Change the feed, a first time and then with each answer."""
        assert process.stdin is not None
        with suppress(ConnectionError):
            for number in range(changes):
                await self._turn.acquire()
                process.stdin.write(b"CONNECTED\n" if number % 2 else b"STALE\n")
                await process.stdin.drain()
            process.stdin.close()
            await process.stdin.wait_closed()

    async def _listen(self, process: asyncio.subprocess.Process, kill_after_s: float | None) -> None:
        assert process.stdout is not None
        timer = None
        while line := await process.stdout.readline():
            if timer is None and kill_after_s is not None:
                timer = asyncio.get_running_loop().call_later(kill_after_s, _kill, process)
            word, _, rest = line.decode().strip().partition(" ")
            if word == "committed":
                self.committed.add(rest)
            elif word == "from-memory":
                self.from_memory.add(rest)
            elif word == "ok":
                self._turn.release()
        if timer is not None:
            timer.cancel()

    def judge(self) -> list[str]:
        """What contradicts the guarantee, a line each."""
        log = self.receiver.log
        first: dict[str, Seen] = {}
        for seen in log:
            first.setdefault(seen.id, seen)
        bodies: dict[str, set[str]] = defaultdict(set)
        for seen in log:
            bodies[seen.id].add(seen.body)
        rows = self._rows("SELECT notice, state, type FROM outbox ORDER BY seq")
        states = {notice: state for notice, state, _ in rows}
        dead = {notice for notice, state in states.items() if state == "dead"}
        places = {notice: place for place, notice in enumerate(states)}
        return [
            *(f"lost: {id_}" for id_ in (self.committed | self.from_memory) - first.keys()),
            *(f"an id that no letter has: {id_}" for id_ in first.keys() - states.keys()),
            *(f"several bodies: {id_}" for id_, found in bodies.items() if len(found) > 1),
            *(f"not ended: {id_}" for id_, state in states.items() if state not in ("delivered", "dead")),
            *(f"dead, and not by the receiver: {id_}" for id_ in dead - self.receiver.refused),
            *_untold(self._rows(EDGES), [type_ for _, _, type_ in rows]),
            *_disorder(list(first.values()), places),
        ]

    def _rows(self, query: str) -> list[tuple[str, ...]]:
        connection = sqlite3.connect(self.folder / "journal.sqlite")
        try:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return list(connection.execute(query))
        finally:
            connection.close()


def _untold(edges: list[tuple[str, ...]], types: list[str]) -> list[str]:
    """Transitions that are in the journal while the notice that they cause is not."""
    after = [one for (one,) in edges]
    wanted = {"problem": after.count("FEED_STALE"), "recovery": after.count("LIVE")}
    return [
        f"untold: {count} transitions made {types.count(type_)} notices of the type {type_}"
        for type_, count in wanted.items()
        if types.count(type_) < count
    ]


def _disorder(first: list[Seen], written: dict[str, int]) -> list[str]:
    """Incidents that were not told from their beginning to their end, in this order."""
    told: dict[str, list[Seen]] = defaultdict(list)
    for seen in first:
        told[seen.incident].append(seen)
    wrong = []
    for incident, line in told.items():
        kinds = [seen.type for seen in line]
        if kinds[0] != "problem" or kinds[-1] != "recovery" or kinds.count("recovery") != 1:
            wrong.append(f"not from beginning to end: {incident}: {kinds}")
        places = [written.get(seen.id, -1) for seen in line]
        if places != sorted(places):
            wrong.append(f"out of order: {incident}")
    return wrong


def _inject(calls: str, what: str, when: object) -> tuple[str, ...]:
    """A tracer that stays beside the process, which is our own child and is killed like any other."""
    inject = f"inject={calls}:{what}:when={when}"
    return "strace", "-D", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After the long form, what it has done."""
    if "OPENBELL_CAMPAIGN" in os.environ:
        for line in FIGURES:
            terminalreporter.write_line(line)


@pytest.fixture
def traced_campaign(campaign: Campaign) -> Campaign:
    """A campaign whose lives can be traced; skips where that is refused."""
    need_tracing()
    return campaign


@pytest.fixture
async def campaign(tmp_path: Path) -> AsyncIterator[Campaign]:
    dice = random.Random(int(os.environ.get("OPENBELL_CAMPAIGN_SEED", "20261124")))
    receiver = Receiver(dice)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        (tmp_path / "desk").mkdir()
        yield Campaign(tmp_path / "desk", receiver, dice)
        server.close()
