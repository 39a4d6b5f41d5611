"""From a change to the webhook's arrival, with the commit between; and how fast a backlog drains.

Beside it the floor: the same bytes posted to the same receiver by the same HTTP client, with
nothing of ours around them. What the line and the disk add is the difference.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from agent.alerts import letters as post
from agent.alerts.letters import Letter
from agent.alerts.notices import trial
from agent.alerts.routes import Route
from agent.clock import SystemClock
from agent.config.rule_table import as_rule
from agent.config.schema import RuleTable
from agent.delivery.sender import Sender
from agent.errors import StoreError
from agent.health.document import AgentPart
from agent.health.rules import Flapping, bind
from agent.model import Incident, Machine, Report
from agent.runtime.core import Consequences, Core
from agent.runtime.posting import Posting
from agent.runtime.publishing import Publisher
from agent.store.journal import Entry, Journal
from agent.testing import notifier_context
from plugins.notifiers.webhook.notifier import WebhookNotifier
from plugins.notifiers.webhook.settings import WebhookSettings

CHANGES = 400
BACKLOG = 10_000
INCIDENTS = 200

MACHINES = (
    Machine(name="market", kind="market", role="market"),
    Machine(name="feed", kind="feed", role="feed"),
)
RULES = (
    RuleTable(id="stale", code="FEED_STALE", when={"feed": ["STALE"]}, severity="critical"),
    RuleTable(id="live", code="LIVE", when={"market": ["LIVE"]}, severity="ok"),
)

PATIENT = Flapping(changes=1_000_000)
"""Here every change is told."""


class Receiver:
    """Answers 200 at once, and notes when each request had arrived whole."""

    def __init__(self) -> None:
        self.arrived: list[float] = []
        self.came = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        self.arrived.append(time.perf_counter())
        self.came.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async def next(self) -> float:
        await self.came.wait()
        self.came.clear()
        return self.arrived[-1]


class Desk:
    """The line from a report to a webhook, on a real journal."""

    def __init__(self, folder: Path, url: str) -> None:
        self.clock = SystemClock()
        self.journal = Journal(folder / "journal.sqlite")
        self.journal.open()
        self.journal.start()
        self.posting = Posting(self.clock, self.journal, lambda error: None)

        def no_session() -> object:
            raise AssertionError

        context = notifier_context("hook", no_session, self.clock)  # type: ignore[arg-type]
        self.notifier = WebhookNotifier(WebhookSettings(url=url, allow_private=True), context)
        self.sender = Sender(
            "hook",
            "webhook",
            self.notifier,
            clock=self.clock,
            timeout=timedelta(seconds=10),
            keep=self.posting.keep,
        )
        self.posting.senders = {"hook": self.sender}
        started_at = self.clock.now()
        self.core = Core(
            bind(list(map(as_rule, RULES)), MACHINES, session="market", flapping=PATIENT),
            clock=self.clock,
            journal=self.journal,
            publisher=Publisher(0),
            believed_for={machine.name: timedelta(days=1) for machine in MACHINES},
            routes=(Route(to=frozenset({"hook"})),),
            consequences=Consequences(
                ask=lambda name: None,
                wake_at=lambda instant: None,
                statuses_changed=lambda statuses: None,
                address=self.posting.address,
                post=self.posting.post,
                published=lambda: None,
                stored=lambda error: None,
                describe=lambda: AgentPart(name="desk", version="1", started_at=started_at),
            ),
        )

    def say(self, **states: str) -> None:
        for name, state in states.items():
            self.core.accept(name, Report(state=state, reason="R", observed_at=self.clock.now()))

    def backlog(self) -> list[Letter]:
        """Many notices of some incidents, as they would wait after a long outage."""
        now, letters = self.clock.now(), []
        for number in range(BACKLOG):
            incident = Incident(id=f"incident-{number % INCIDENTS}", opened_at=now)
            notice = replace(trial(now=now, agent="desk", new_id=f"n-{number}"), incident=incident)
            letters += post.write(notice, self.sender.addresses, after=number, now=now)
        return letters


async def settled(desk: Desk) -> None:
    """Until nothing waits, on disk as well."""
    await desk.sender.drain(60)
    await desk.journal.flush()


async def latencies(desk: Desk, receiver: Receiver) -> list[float]:
    """Milliseconds from a report to the arrival of the webhook that it causes."""
    desk.say(market="LIVE", feed="CONNECTED")
    await settled(desk)
    found = []
    for number in range(CHANGES):
        began = time.perf_counter()
        desk.say(feed="CONNECTED" if number % 2 else "STALE")
        found.append((await receiver.next() - began) * 1000)
        await settled(desk)
    return found


async def floor(desk: Desk, receiver: Receiver) -> list[float]:
    """Milliseconds of a post alone."""
    found = []
    notice = trial(now=desk.clock.now(), agent="desk", new_id="floor")
    for _ in range(CHANGES):
        began = time.perf_counter()
        await desk.notifier.send(notice)
        found.append((await receiver.next() - began) * 1000)
    return found


async def drain(desk: Desk, receiver: Receiver) -> tuple[float, float]:
    """Notices a second: written and synced, and then delivered with each outcome written."""
    letters = desk.backlog()
    began = time.perf_counter()
    done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
    desk.journal.append(Entry(letters=tuple(letters), written=done.set_result))
    assert await done is None
    written = time.perf_counter()
    before = len(receiver.arrived)
    desk.sender.post(letters)
    await desk.sender.drain(600)
    await desk.journal.flush()
    ended = time.perf_counter()
    assert len(receiver.arrived) - before == BACKLOG
    return BACKLOG / (written - began), BACKLOG / (ended - written)


async def measure(what: Callable[[Desk, Receiver], Awaitable[object]]) -> object:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        sending = asyncio.ensure_future(desk.sender.run())
        try:
            return await what(desk, receiver)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await desk.journal.close()
            server.close()


def account(found: list[float]) -> str:
    return f"p50 {statistics.median(found):5.2f} ms   p99 {statistics.quantiles(found, n=100)[98]:5.2f} ms"


async def main() -> None:
    bare, whole = [], []
    for _ in range(3):
        bare += await measure(floor)  # type: ignore[operator]
        whole += await measure(latencies)  # type: ignore[operator]
    ratio = statistics.median(whole) / statistics.median(bare)
    print(f"a post alone                              {account(bare)}")
    print(f"change to arrival, commit between         {account(whole)}   {ratio:.2f} x a post alone")
    written, drained = await measure(drain)  # type: ignore[misc]
    print(f"{BACKLOG} notices                     written at {written:,.0f}/s, delivered at {drained:,.0f}/s")


if __name__ == "__main__":
    asyncio.run(main())
