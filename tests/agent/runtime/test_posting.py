"""Letters between the core, the journal and the senders, on a real file."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.alerts.gathered import GATHERED, MISSED
from agent.alerts.letters import FROM_MEMORY, UNANNOUNCED, LetterState
from agent.alerts.notices import trial
from agent.delivery.sender import Sender
from agent.delivery.storm import MOST
from agent.errors import ActionError, DeliveryError, StoreError
from agent.model import Incident, Notice, NoticeType, Receipt, Severity
from agent.runtime.posting import Posting
from agent.store.journal import Entry, Journal
from agent.testing import ManualClock, RecordingNotifier


class Office:
    """One run: a journal, a posting and some notifiers; `end` is the end of its process."""

    def __init__(self, folder: Path, clock: ManualClock, **notifiers: RecordingNotifier) -> None:
        self.clock = clock
        self.stored: list[StoreError | None] = []
        self.journal = Journal(folder / "journal.sqlite")
        self.journal.open()
        self.journal.start()
        self.posting = Posting(clock, self.journal, self.stored.append)
        self.senders: dict[str, Sender] = {}
        self.posting.senders = self.senders
        self.tasks: list[asyncio.Future[None]] = []
        for name, one in notifiers.items():
            self.build(name, one)

    def build(self, name: str, notifier: RecordingNotifier) -> None:
        self.senders[name] = Sender(
            name,
            "test",
            notifier,
            clock=self.clock,
            timeout=timedelta(seconds=5),
            keep=self.posting.keep,
            number=self.posting.number,
        )
        self.tasks.append(asyncio.ensure_future(self.senders[name].run()))

    async def tell(self, id_: str, **changes: object) -> None:
        """As the core does it: the letters are written, then posted."""
        notice = trial(now=self.clock.now(), agent="desk", new_id=id_)
        letters = self.posting.address(replace(notice, **changes), frozenset(self.senders))  # type: ignore[arg-type]
        done: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        self.journal.append(Entry(letters=letters, written=done.set_result))
        self.posting.post(letters, await done)
        await self.settle()

    async def alarm(self, id_: str) -> None:
        await self.tell(id_, type=NoticeType.PROBLEM, incident=Incident(id="one", opened_at=self.clock.now()))

    async def recover(self, id_: str) -> None:
        await self.tell(
            id_, type=NoticeType.RECOVERY, incident=Incident(id="one", opened_at=self.clock.now())
        )

    async def settle(self) -> None:
        await self.clock.advance(0)
        await self.journal.flush()
        await self.clock.advance(0)

    async def states(self) -> list[tuple[str, str, str]]:
        await self.settle()
        return [(one.notice, one.address.notifier, str(one.state)) for one in await self.journal.letters()]

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.journal.close()


@pytest.fixture
async def open_office(tmp_path):
    clock, offices = ManualClock(), []

    def begin(**notifiers: RecordingNotifier) -> Office:
        offices.append(Office(tmp_path, clock, **notifiers))
        return offices[-1]

    yield begin
    for office in offices:
        await office.end()


def failing(error: str = "503", *, permanent: bool = False) -> RecordingNotifier:
    notifier = RecordingNotifier()
    notifier.error = DeliveryError(error, permanent=permanent)
    return notifier


async def test_what_one_run_could_not_deliver_the_next_one_does_with_the_same_id_and_words(
    open_office,
) -> None:
    first = open_office(desk=failing())
    await first.tell("a")
    await first.tell("b")
    bodies = {one.id: one.body for one in await first.journal.letters()}
    await first.end()

    notifier = RecordingNotifier()
    again = open_office(desk=notifier)
    again.posting.restore()
    await again.clock.advance(60)
    assert sorted(notice.id for notice in notifier.notices) == ["a", "b"]
    assert await again.states() == [("b", "desk", "delivered"), ("a", "desk", "delivered")]
    assert {one.id: one.body for one in await again.journal.letters()} == bodies


async def test_new_letters_are_numbered_behind_those_of_former_runs(open_office) -> None:
    first = open_office(desk=RecordingNotifier())
    await first.tell("a")
    await first.end()
    again = open_office(desk=RecordingNotifier())
    await again.tell("b")
    assert [(one.seq, one.notice) for one in await again.journal.letters()] == [(2, "b"), (1, "a")]


async def test_letters_of_a_notifier_that_is_gone_are_dead_and_listed(open_office) -> None:
    first = open_office(desk=failing(), gone=failing(), broken=failing())
    await first.tell("a")
    await first.end()
    again = open_office(desk=RecordingNotifier())
    again.posting.unbuilt = frozenset({"broken"})
    again.posting.restore()
    await again.clock.advance(60)
    assert await again.states() == [
        ("a", "broken", "pending"),
        ("a", "gone", "dead"),
        ("a", "desk", "delivered"),
    ]


async def test_what_waits_for_a_notifier_that_is_not_built_outlasts_what_others_are_told(open_office) -> None:
    first = open_office(desk=RecordingNotifier(), broken=failing())
    await first.tell("a")
    await first.end()
    again = open_office(desk=RecordingNotifier())
    again.posting.unbuilt = frozenset({"broken"})
    again.posting.restore()
    await again.tell("b")
    again.build("broken", RecordingNotifier())
    again.posting.unbuilt = frozenset()
    again.posting.resume()
    await again.clock.advance(60)
    assert ("a", "broken", "delivered") in await again.states()


async def test_a_dead_letter_is_sent_again_when_asked(open_office) -> None:
    notifier = failing("410 gone", permanent=True)
    office = open_office(desk=notifier)
    await office.tell("a")
    [dead] = await office.journal.letters(state=LetterState.DEAD)
    notifier.error = None
    revived = await office.posting.retry(dead.id)
    assert (revived.notice, revived.body, revived.attempts) == ("a", dead.body, 1)
    assert await office.states() == [("a", "desk", "delivered")]
    with pytest.raises(ActionError, match="delivered; only a dead one"):
        await office.posting.retry(dead.id)
    with pytest.raises(KeyError):
        await office.posting.retry("none")


async def test_a_test_notice_says_what_came_back_and_waits_for_nothing(open_office) -> None:
    notifier = failing()
    office = open_office(desk=notifier)
    await office.tell("stuck")
    [failed] = await office.posting.test("desk", agent="desk")
    assert (failed.state, failed.last_error) == (LetterState.DEAD, "503")
    notifier.error = None
    [came] = await office.posting.test("desk", agent="desk")
    assert (came.state, came.receipt) == (LetterState.DELIVERED, "recorded 1")
    assert [state for _, _, state in await office.states()] == ["delivered", "dead", "pending"]
    with pytest.raises(KeyError):
        await office.posting.test("none", agent="desk")


async def test_what_the_journal_cannot_take_is_sent_at_once_and_says_so(open_office) -> None:
    notifier = RecordingNotifier()
    office = open_office(desk=notifier)
    breaker = sqlite3.connect(office.journal.path, isolation_level=None)
    breaker.execute("ALTER TABLE outbox RENAME TO away")
    await office.tell("a")
    assert [notice.id for notice in notifier.notices] == ["a"]
    assert notifier.notices[0].message.endswith(FROM_MEMORY)
    assert office.stored[-1] is not None
    breaker.execute("ALTER TABLE away RENAME TO outbox")
    breaker.close()
    assert await office.states() == [("a", "desk", "delivered")]


async def test_a_journal_that_comes_back_holds_what_still_waits(open_office) -> None:
    office = open_office(desk=failing())
    breaker = sqlite3.connect(office.journal.path, isolation_level=None)
    breaker.execute("ALTER TABLE outbox RENAME TO away")
    await office.tell("a")
    breaker.execute("ALTER TABLE away RENAME TO outbox")
    breaker.close()
    await office.settle()
    await office.end()
    notifier = RecordingNotifier()
    again = open_office(desk=notifier)
    again.posting.restore()
    await again.clock.advance(60)
    assert [notice.id for notice in notifier.notices] == ["a"]


@pytest.mark.parametrize("restarts", [False, True], ids=["in one run", "through a restart"])
async def test_a_recovery_says_where_its_problem_could_not_be_told_and_only_there(
    open_office, restarts
) -> None:
    bad, good = failing("410 gone", permanent=True), RecordingNotifier()
    office = open_office(bad=bad, good=good)
    await office.alarm("a")
    bad.error = None
    if restarts:
        await office.end()
        office = open_office(bad=bad, good=good)
        office.posting.restore()
    await office.recover("b")
    assert [notice.message.endswith(UNANNOUNCED) for notice in bad.notices] == [True]
    assert [notice.message.endswith(UNANNOUNCED) for notice in good.notices] == [False, False]


async def test_a_recovery_after_a_worse_notice_that_did_not_arrive_is_announced_by_the_first(
    open_office,
) -> None:
    notifier = RecordingNotifier()
    office = open_office(desk=notifier)
    await office.alarm("first")
    await office.end()
    office = open_office(desk=notifier)
    office.posting.restore()
    notifier.error = DeliveryError("410", permanent=True)
    await office.alarm("worse")
    notifier.error = None
    await office.recover("end")
    assert not notifier.notices[-1].message.endswith(UNANNOUNCED)


@pytest.mark.parametrize("restarts", [False, True], ids=["in one run", "through a restart"])
async def test_what_expired_is_told_once_in_one_summary_where_the_next_notice_arrives(
    open_office, restarts
) -> None:
    desk, other = failing("503"), RecordingNotifier()
    office = open_office(desk=desk, other=other)
    await office.tell("info", type=NoticeType.PROBLEM, code="FEED_STALE")
    await office.tell("warning", type=NoticeType.PROBLEM, severity=Severity.WARNING, code="AUTH_REQUIRED")
    await office.clock.advance(timedelta(hours=6))
    assert {state for _, name, state in await office.states() if name == "desk"} == {"dead"}
    if restarts:
        await office.end()
        office = open_office(desk=desk, other=other)
        office.posting.restore()
    desk.error = None
    await office.tell("later", type=NoticeType.PROBLEM)
    await office.settle()
    await office.tell("last", type=NoticeType.PROBLEM)
    await office.settle()
    assert [notice.code for notice in desk.notices] == ["TEST", MISSED, "TEST"]
    summary = desk.notices[1]
    assert summary.message.startswith(
        "2 notices could not be delivered here and will not come: AUTH_REQUIRED"
    )
    assert summary.document["notices"] == ["warning", "info"]
    assert summary.severity is Severity.WARNING
    assert [notice.code for notice in other.notices] == ["FEED_STALE", "AUTH_REQUIRED", "TEST", "TEST"]
    assert {state for _, name, state in await office.states() if name == "other"} == {"delivered"}


async def test_a_recovery_that_says_itself_what_was_not_told_needs_no_summary(open_office) -> None:
    desk = failing("410 gone", permanent=True)
    office = open_office(desk=desk)
    await office.alarm("a")
    desk.error = None
    await office.recover("b")
    await office.settle()
    assert [notice.id for notice in desk.notices] == ["b"]


async def test_what_a_person_has_sent_again_is_no_longer_missed(open_office) -> None:
    desk = failing("410 gone", permanent=True)
    office = open_office(desk=desk)
    await office.tell("a", type=NoticeType.PROBLEM)
    desk.error = None
    await office.posting.retry("a.desk")
    await office.settle()
    assert [notice.id for notice in desk.notices] == ["a"]


async def test_neither_a_test_nor_a_summary_that_dies_is_missed(open_office) -> None:
    class Choosy(RecordingNotifier):
        """It takes all but summaries."""

        async def send(self, notice: Notice) -> Receipt:
            if notice.code == MISSED:
                raise DeliveryError("413", permanent=True)
            return await super().send(notice)

    desk = Choosy()
    desk.error = DeliveryError("410 gone", permanent=True)
    office = open_office(desk=desk)
    await office.posting.test("desk", agent="desk")
    await office.tell("a", type=NoticeType.PROBLEM)
    desk.error = None
    for id_ in ("b", "c"):
        await office.tell(id_, type=NoticeType.PROBLEM)
        await office.settle()
    assert [notice.id for notice in desk.notices] == ["b", "c"]
    listed = await office.journal.letters()
    assert [(one.code, str(one.state)) for one in listed if one.code == MISSED] == [(MISSED, "dead")]


async def test_a_flood_is_told_in_one_and_each_letter_says_in_which(open_office) -> None:
    desk = RecordingNotifier()
    office = open_office(desk=desk)
    letters = [
        letter
        for number in range(MOST + 1)
        for letter in office.posting.address(
            replace(
                trial(now=office.clock.now(), agent="desk", new_id=f"n{number}"), type=NoticeType.PROBLEM
            ),
            frozenset({"desk"}),
        )
    ]
    office.journal.append(Entry(letters=tuple(letters)))
    await office.end()

    office = open_office(desk=desk)
    office.posting.restore()
    await office.clock.advance(60)
    [one] = desk.notices
    assert (one.code, len(one.document["notices"])) == (GATHERED, MOST + 1)
    await office.settle()
    listed = {letter.notice: letter for letter in await office.journal.letters()}
    assert listed[one.id].state is LetterState.DELIVERED
    assert {letter.receipt for id_, letter in listed.items() if id_ != one.id} == {
        f"told by the digest {one.id}"
    }
    assert len({letter.seq for letter in listed.values()}) == MOST + 2


async def test_a_new_run_knows_how_much_was_told_a_moment_ago(open_office) -> None:
    desk = RecordingNotifier()
    office = open_office(desk=desk)
    for number in range(MOST):
        await office.tell(f"a{number}", type=NoticeType.PROBLEM)
    await office.end()
    await office.clock.advance(30)
    office = open_office(desk=desk)
    office.posting.restore()
    await office.tell("more", type=NoticeType.PROBLEM)
    await office.clock.advance(29)
    assert len(desk.notices) == MOST
    await office.clock.advance(1)
    assert desk.notices[-1].id == "more"
