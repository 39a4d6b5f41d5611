"""Notifiers that come, change and go while their letters wait, on a real journal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agent.alerts.notices import trial
from agent.config.blueprint import NotifierPlan
from agent.delivery.sender import NO_RECEIVER
from agent.errors import DeliveryError
from agent.model import Notice, NoticeType, Receipt
from agent.registry import NotifierKind, Registry
from agent.runtime.conduct import Conduct
from agent.runtime.context import Services
from agent.runtime.notifiers import Notifiers
from agent.runtime.outbound import Outbound
from agent.runtime.posting import Posting
from agent.runtime.supervision import Supervisor
from agent.runtime.wellbeing import Wellbeing
from agent.settings import Settings
from agent.store.journal import Entry, Journal
from agent.testing import ManualClock


class Where(Settings):
    to: str


class Boxes:
    """A kind of notifiers whose receivers are lists; `broken` are those that cannot be built."""

    def __init__(self) -> None:
        self.arrived: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        self.away: set[str] = set()

    def __call__(self, settings: Where, context: object) -> Any:
        if settings.to in self.broken:
            raise ValueError("no such box")

        async def send(notice: Notice) -> Receipt:
            if settings.to in self.away:
                raise DeliveryError("away")
            self.arrived.setdefault(settings.to, []).append(notice.id)
            return Receipt(status="ok")

        return SimpleNamespace(send=send, complete=True)


class Office:
    """One run of an agent's notifiers."""

    def __init__(self, journal: Journal, boxes: Boxes) -> None:
        self.clock = ManualClock()
        self.journal = journal
        self.boxes = boxes
        self.kind = NotifierKind(kind="box", plugin="boxes", factory=boxes, settings=Where)
        self.posting = Posting(self.clock, journal, lambda error: None)
        conduct = Conduct(self.clock, {}, str)
        self.wellbeing = Wellbeing("desk", Registry(), self.clock.now(), conduct)
        self.supervisor = Supervisor(self.clock)
        self.notifiers = Notifiers(
            clock=self.clock,
            supervisor=self.supervisor,
            posting=self.posting,
            wellbeing=self.wellbeing,
            changed=lambda: None,
            clean=str,
        )
        outbound = Outbound("test")
        self.services = Services(
            clock=self.clock,
            surroundings=None,
            outbound=outbound,
            journal=journal,
            credentials={},  # type: ignore[arg-type]
        )

    def adopt(self, **wanted: str) -> None:
        plans = [
            NotifierPlan(
                name=name,
                kind_name="box",
                kind=self.kind,
                settings=Where(to=to),
                timeout=timedelta(seconds=5),
            )
            for name, to in wanted.items()
        ]
        self.notifiers.adopt(plans, self.notifiers.stage(plans, self.services))
        self.notifiers.set_going()

    async def tell(self, id_: str) -> None:
        notice = replace(trial(now=self.clock.now(), agent="desk", new_id=id_), type=NoticeType.PROBLEM)
        letters = self.posting.address(notice, frozenset(self.notifiers.senders))
        self.journal.append(Entry(letters=letters))
        self.posting.post(letters, None)
        await self.settle()

    async def settle(self) -> None:
        await self.clock.advance(0)
        await self.journal.flush()
        await self.clock.advance(0)

    async def states(self) -> list[tuple[str, str, str | None]]:
        await self.settle()
        return [(one.notice, str(one.state), one.last_error) for one in await self.journal.letters()]


@pytest.fixture
async def office(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    journal.open()
    journal.start()
    made = Office(journal, Boxes())
    yield made
    await made.supervisor.stop()
    await journal.close()


async def test_what_waits_goes_on_to_the_new_receiver_of_the_same_name(office: Office) -> None:
    office.boxes.away = {"one"}
    office.adopt(desk="one")
    await office.tell("a")
    office.adopt(desk="two")
    await office.settle()
    assert office.boxes.arrived == {"two": ["a"]}
    assert await office.states() == [("a", "delivered", None)]


async def test_what_waits_for_one_that_is_taken_away_is_dead_and_the_others_go_on(office: Office) -> None:
    office.boxes.away = {"one"}
    office.adopt(desk="one", other="two")
    await office.tell("a")
    await office.notifiers.end(["desk"])
    office.adopt(other="two")
    await office.tell("b")
    assert list(office.notifiers.senders) == ["other"]
    assert office.boxes.arrived == {"two": ["a", "b"]}
    assert ("a", "dead", NO_RECEIVER) in await office.states()


async def test_a_notice_on_its_way_to_one_that_is_taken_away_is_dead_and_nothing_breaks(
    office: Office,
) -> None:
    office.adopt(desk="one")
    notice = trial(now=office.clock.now(), agent="desk", new_id="a")
    letters = office.posting.address(notice, frozenset({"desk"}))
    office.journal.append(Entry(letters=letters))
    await office.notifiers.end(["desk"])
    office.posting.post(letters, None)
    assert await office.states() == [("a", "dead", NO_RECEIVER)]


async def test_one_that_could_not_be_built_gets_what_a_former_run_left_once_it_can(tmp_path) -> None:
    boxes = Boxes()
    boxes.away = {"one"}
    for run in range(2):
        journal = Journal(tmp_path / "journal.sqlite")
        journal.open()
        journal.start()
        office = Office(journal, boxes)
        boxes.broken = {"one"} if run else set()
        office.adopt(desk="one")
        office.posting.restore()
        if run == 0:
            await office.tell("a")
        else:
            assert office.wellbeing.describe().notifiers[0].state == "failing"
            boxes.broken, boxes.away = set(), set()
            office.adopt(desk="one")
            office.posting.resume()
            await office.clock.advance(timedelta(minutes=1))
            await office.settle()
            assert boxes.arrived == {"one": ["a"]}
            assert [one.state for one in office.wellbeing.describe().notifiers] == ["ok"]
        await office.supervisor.stop()
        await journal.close()
