"""One run of a small desk, as a process to be killed: core, journal, posting and a real webhook.

    python desk.py FOLDER URL [BUG]

Each line of the standard input is the feed's new state; it is answered with `ok`. The id of each
notice is printed as `committed ID` once it is on disk, or as `from-memory ID` if it cannot be. At the
end of the input the feed is well, and the run ends when nothing waits. `BUG` seeds one of the mistakes
that the campaign must find.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from agent.alerts import letters as post
from agent.alerts.letters import Letter
from agent.alerts.routes import Route
from agent.clock import SystemClock
from agent.config.rule_table import as_rule
from agent.config.schema import RuleTable
from agent.delivery.sender import Sender
from agent.errors import StoreError
from agent.health.document import AgentPart
from agent.health.rules import Flapping, bind
from agent.model import Machine, Notice, Receipt, Report
from agent.runtime.core import Consequences, Core
from agent.runtime.posting import Posting
from agent.runtime.publishing import Publisher
from agent.store import files, snapshot
from agent.store.journal import Entry, Journal
from agent.testing import notifier_context
from plugins.notifiers.webhook.notifier import WebhookNotifier
from plugins.notifiers.webhook.settings import WebhookSettings

SPELL = 100
"""A disk of the campaign fails no more often than this in a row."""

PACE = 20
"""The desk lives so many times faster than the wall, that pauses are short."""

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


class QuickClock(SystemClock):
    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=self.monotonic() - self._anchor_s * PACE)

    def monotonic(self) -> float:
        return super().monotonic() * PACE

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / PACE)

    def call_later(self, seconds: float, call):
        return super().call_later(seconds / PACE, call)

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        return super().timeout(None if seconds is None else seconds / PACE)


class ApartJournal(Journal):
    """Bug: the letters are written after their transition, in a transaction of their own.

    A while after it, so that the mistake is seen and not raced.
    """

    def append(self, entry: Entry) -> None:
        if not entry.transitions or not entry.letters:
            super().append(entry)
            return

        def then(error: StoreError | None) -> None:
            late = Entry(letters=entry.letters, written=entry.written)
            asyncio.get_running_loop().call_later(0.1, super(ApartJournal, self).append, late)

        super().append(replace(entry, letters=(), written=then))


class ForgetfulPosting(Posting):
    """Bug: what the former run left is not taken up."""

    def restore(self) -> None:
        """Nothing."""


class RenamingNotifier(WebhookNotifier):
    """Bug: each attempt has an id of its own."""

    async def send(self, notice: Notice) -> Receipt:
        return await super().send(replace(notice, id=uuid.uuid4().hex))


class HastySender(Sender):
    """Bug: a letter is marked as delivered before it is sent."""

    journal: Journal

    async def _send(self, letter: Letter) -> Receipt:
        self._keep(post.deliver(letter, Receipt(status="200"), self._clock.now()))
        await self.journal.flush()
        return await super()._send(letter)


class Desk:
    def __init__(self, folder: Path, url: str, bug: str) -> None:
        if bug == "no-sync":
            files.SYNCHRONOUS = "OFF"
        self.clock = QuickClock()
        self.journal = (ApartJournal if bug == "event-outside" else Journal)(folder / "journal.sqlite")
        self.journal.open()
        self.journal.start()
        kind = ForgetfulPosting if bug == "no-recovery" else Posting
        self.posting = kind(self.clock, self.journal, lambda error: None)
        self.sender = self._sender(url, bug)
        self.posting.senders = {"hook": self.sender}
        text = self.journal.value(snapshot.KEY)
        former = snapshot.unpack(text) if text else None
        started_at = self.clock.now()
        self.core = Core(
            bind(list(map(as_rule, RULES)), MACHINES, session="market", flapping=PATIENT),
            clock=self.clock,
            journal=self.journal,
            publisher=Publisher(former.revision if former else 0),
            believed_for={machine.name: timedelta(days=9) for machine in MACHINES},
            consequences=Consequences(
                ask=lambda name: None,
                wake_at=lambda instant: None,
                statuses_changed=lambda statuses: None,
                address=self.posting.address,
                post=self._post,
                published=lambda: None,
                stored=lambda error: None,
                describe=lambda: AgentPart(name="desk", version="1", started_at=started_at),
            ),
            routes=(Route(to=frozenset({"hook"})),),
            former=former,
        )

    def _sender(self, url: str, bug: str) -> Sender:
        def no_session():
            raise AssertionError

        context = notifier_context("hook", no_session, self.clock)
        settings = WebhookSettings(url=url, allow_private=True)
        notifier = (RenamingNotifier if bug == "new-id" else WebhookNotifier)(settings, context)
        HastySender.journal = self.journal
        kind = HastySender if bug == "mark-before-send" else Sender
        return kind(
            "hook",
            "webhook",
            notifier,
            clock=self.clock,
            timeout=timedelta(seconds=40),
            keep=self.posting.keep,
        )

    def _post(self, letters: tuple[Letter, ...], error: StoreError | None) -> None:
        for letter in letters:
            if error is None:
                _say(f"committed {letter.notice}")
            else:
                _say(f"from-memory {letter.notice}")
        self.posting.post(letters, error)

    def say(self, name: str, state: str) -> None:
        self.core.accept(name, Report(state=state, reason="R", observed_at=self.clock.now()))

    async def run(self) -> None:
        self.posting.restore()
        sending = asyncio.ensure_future(self.sender.run())
        self.say("market", "LIVE")
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
        )
        while line := await lines.readline():
            self.say("feed", line.decode().strip())
            _say("ok")
        self.say("feed", "CONNECTED")
        await self.journal.flush()
        while self.sender.waiting:
            await self.clock.sleep(0.2)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await self._outlast_the_disk()
        await self.journal.close()

    async def _outlast_the_disk(self) -> None:
        """A run that ends while its disk fails loses what is in memory alone: go on until it works."""
        for _ in range(SPELL):
            done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
            self.journal.append(Entry(values=(("campaign:last", "word"),), written=done.set_result))
            if await done is None:
                return


def _say(line: str) -> None:
    """In one piece, so that a kill cuts off whole lines."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> None:
    await Desk(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "").run()


if __name__ == "__main__":
    asyncio.run(main())
