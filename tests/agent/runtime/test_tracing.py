"""What is traced of the line, and what leaves no trace; on a real journal, with OpenTelemetry's own spans."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent.alerts import letters as post
from agent.alerts.letters import LetterState
from agent.alerts.routes import Route
from agent.config.rule_table import as_rule, default_table
from agent.config.schema import AgentSettings
from agent.delivery.sender import Sender
from agent.errors import DeliveryError, StoreError
from agent.health.document import AgentPart
from agent.health.rules import bind
from agent.model import Machine, Report
from agent.runtime.core import Consequences, Core
from agent.runtime.line import Line
from agent.runtime.otlp import parts_by
from agent.runtime.parts import Parts, parts
from agent.store.journal import Journal
from agent.testing import ManualClock, RecordingNotifier
from tests.docs.pages import page, sections

MACHINES = (
    Machine(name="market", kind="market", role="market"),
    Machine(name="auth", kind="kite-login", role="auth"),
    Machine(name="feed", kind="kite-feed", role="feed"),
)
RULES = bind(list(map(as_rule, default_table())), MACHINES, session="market")
SECRET = "sesame-sesame"


class Desk:
    """The line with its parts, a journal and one notifier; `spans` are those that have ended."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.told = RecordingNotifier()
        self.exporter = InMemorySpanExporter()
        self.parts = parts_by(SimpleSpanProcessor(self.exporter), "desk", clock)
        self.journal = Journal(folder / "journal.sqlite")
        self.journal.open()
        self.journal.start()
        self.posting = self.parts.posting(clock, self.journal, lambda error: None)
        self.sender = Sender(
            "chat",
            "test",
            self.told,
            clock=clock,
            timeout=timedelta(seconds=5),
            keep=self.posting.keep,
            clean=lambda text: text.replace(SECRET, "***"),
            number=self.posting.number,
        )
        self.posting.senders = {"chat": self.sender}
        self.sending = asyncio.ensure_future(self.sender.run())
        core = Core(
            RULES,
            clock=clock,
            journal=self.journal,
            publisher=self.parts.publisher(),
            believed_for={machine.name: timedelta(days=1) for machine in MACHINES},
            consequences=Consequences(
                ask=lambda name: None,
                wake_at=lambda instant: None,
                statuses_changed=lambda statuses: None,
                address=self.posting.address,
                post=self.posting.post,
                published=lambda: None,
                stored=lambda error: None,
                describe=partial(AgentPart, name="desk", version="1", started_at=clock.now()),
            ),
            routes=(Route(to=frozenset({"chat"})),),
        )
        self.line = self.parts.line(core, look=lambda evaluation: None, clean=str)

    async def say(self, **states: str) -> None:
        for name, state in states.items():
            self.line.deliver(name, Report(state=state, reason="R", observed_at=self.clock.now()))
        await self.settle()

    async def settle(self) -> None:
        for _ in range(3):
            await self.clock.advance(0)
            await self.journal.flush()

    def spans(self) -> list[ReadableSpan]:
        found = self.exporter.get_finished_spans()
        self.exporter.clear()
        return list(found)

    async def end(self) -> None:
        self.sending.cancel()
        await asyncio.gather(self.sending, return_exceptions=True)
        await self.journal.close()
        await self.parts.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    one = Desk(tmp_path, ManualClock())
    await one.say(market="LIVE", auth="VALID", feed="CONNECTED")
    one.spans()
    yield one
    await one.end()


def named(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    [found] = [one for one in spans if one.name == name]
    return found


def said(span: ReadableSpan, key: str) -> object:
    return (span.attributes or {}).get(f"openbell.{key}")


async def test_a_report_that_changes_nothing_leaves_no_trace(desk: Desk) -> None:
    await desk.say(feed="CONNECTED", auth="VALID")
    assert desk.spans() == []


async def test_a_trace_has_the_steps_in_their_order_at_the_clocks_own_instants(desk: Desk) -> None:
    await desk.clock.advance(60)
    await desk.say(auth="REQUIRED")
    spans = desk.spans()
    report, letter, attempt = (named(spans, name) for name in ("report", "letter", "attempt"))
    assert [one.name for one in spans] == ["evaluate", "publish", "report", "letter", "attempt"]
    assert report.start_time == int(desk.clock.now().timestamp()) * 1_000_000_000
    assert [one.name for one in spans if one.parent and one.parent.span_id == report.context.span_id] == [
        "evaluate",
        "publish",
        "letter",
    ]
    assert attempt.parent is not None
    assert attempt.parent.span_id == letter.context.span_id
    assert (said(report, "machine"), said(report, "state")) == ("auth", "REQUIRED")
    incident = desk.line.core.incident
    assert incident is not None
    assert {said(one, "incident") for one in (report, letter, attempt)} == {incident.id}


async def test_what_time_alone_brings_about_begins_with_a_moment(desk: Desk) -> None:
    await desk.say(feed="DISCONNECTED")
    desk.spans()
    await desk.clock.advance(4)
    desk.line.evaluate()
    await desk.settle()
    spans = desk.spans()
    assert said(named(spans, "letter"), "code") == "FEED_DISCONNECTED"
    assert named(spans, "letter").parent == named(spans, "moment").context


async def test_the_end_of_an_incident_still_names_it(desk: Desk) -> None:
    await desk.say(auth="REQUIRED")
    incident = desk.line.core.incident
    assert incident is not None
    desk.spans()
    await desk.say(auth="VALID")
    await desk.clock.advance(10)
    desk.line.evaluate()
    await desk.settle()
    assert {said(one, "incident") for one in desk.spans() if one.name in {"report", "letter"}} == {
        incident.id
    }


async def test_a_refusal_is_an_error_of_its_attempt_without_secrets(desk: Desk) -> None:
    desk.told.error = DeliveryError(f"the key {SECRET} is unknown")
    await desk.say(auth="REQUIRED")
    first = named(desk.spans(), "attempt")
    assert (first.status.is_ok, first.status.description) == (False, "the key *** is unknown")
    desk.told.error = None
    await desk.clock.advance(60)
    await desk.settle()
    second = named(desk.spans(), "attempt")
    assert (said(second, "number"), said(second, "state")) == (2, "delivered")
    assert second.parent == first.parent


async def test_a_letter_of_a_former_run_is_attempted_in_a_trace_of_its_own(desk: Desk) -> None:
    await desk.say(auth="REQUIRED")
    [letter] = await desk.journal.letters()
    desk.spans()
    desk.posting.keep(post.claim(post.release(letter, desk.clock.now())))
    desk.posting.keep(letter)
    attempt = named(desk.spans(), "attempt")
    assert attempt.parent is None
    assert said(attempt, "notice") == letter.notice


async def test_a_letter_that_the_journal_cannot_take_says_so(desk: Desk) -> None:
    await desk.say(auth="REQUIRED")
    notice = desk.told.notices[0]
    letters = desk.posting.address(notice, frozenset({"chat"}))
    desk.spans()
    desk.posting.post(letters, StoreError("the disk is full"))
    assert named(desk.spans(), "letter").status.description == "not written"


async def test_every_span_and_attribute_is_documented(desk: Desk) -> None:
    desk.told.error = DeliveryError("away")
    await desk.say(auth="REQUIRED")
    desk.told.error = None
    await desk.clock.advance(60)
    desk.line.evaluate()
    await desk.say(auth="VALID", feed="DISCONNECTED")
    await desk.clock.advance(60)
    desk.line.evaluate()
    await desk.settle()
    seen: dict[str, set[str]] = {}
    for one in desk.spans():
        seen.setdefault(one.name, set()).update(key.removeprefix("openbell.") for key in one.attributes or {})
    rows = sections(page("operations.md"))["Traces"].tables()[0]
    assert {name: set(re.findall(r"`(\w+)`", cells[1])) for name, cells in rows.items()} == seen


async def test_what_has_ended_is_not_remembered(desk: Desk) -> None:
    await desk.say(auth="REQUIRED")
    assert {one.state for one in await desk.journal.letters()} == {LetterState.DELIVERED}
    assert len(desk.line.trace) == 0


def test_without_a_collector_the_parts_are_the_plain_ones() -> None:
    settings = AgentSettings.model_validate({"machines": {"market": {"kind": "market-calendar"}}})
    assert parts(settings, ManualClock()) == Parts()
    assert Parts().line is Line
