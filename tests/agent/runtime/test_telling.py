"""Derived ids: whoever tells an event tells it under the same id, and no two events share one."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.alerts.ids import RANDOM, DerivedIds, Ids
from agent.alerts.letters import Address, Letter, write
from agent.alerts.routes import Escalation, QuietHours, Route
from agent.config.rule_table import as_deadline_rules, as_rule, default_table
from agent.config.schema import DeadlineTable
from agent.health.document import AgentPart
from agent.health.rules import Rule, bind
from agent.model import Incident, Machine, Notice, NoticeType, Report, Severity
from agent.runtime.core import Consequences, Core
from agent.runtime.publishing import Publisher
from agent.store import snapshot
from agent.store.journal import Entry

MORNING = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
MACHINES = (
    Machine(name="market", kind="market", role="market"),
    Machine(name="auth", kind="kite-login", role="auth", group="alpha"),
    Machine(name="feed", kind="kite-feed", role="feed", group="alpha"),
    Machine(name="spare", kind="kite-feed", role="feed", group="beta"),
)
ROUTES = (
    Route(
        to=frozenset({"phone"}),
        repeat=timedelta(minutes=10),
        escalate=Escalation(after=timedelta(minutes=15), to=frozenset({"head"})),
    ),
    Route(
        to=frozenset({"chat"}),
        severity=Severity.WARNING,
        settle=timedelta(seconds=30),
        quiet=QuietHours(begins=time(9), ends=time(11), zone=ZoneInfo("Asia/Kolkata")),
    ),
)
DEADLINE = DeadlineTable.model_validate(
    {
        "id": "login-before-open",
        "code": "AUTH_REQUIRED",
        "before_open": "30m",
        "remind": ["90m", "60m"],
        "require": {"auth": ["VALID"]},
    }
)
RULES: tuple[Rule, ...] = (*as_deadline_rules(DEADLINE), *map(as_rule, default_table()))


def next_open(now: datetime) -> datetime:
    today = now.replace(hour=3, minute=45, second=0, microsecond=0)
    return today if now < today else today + timedelta(days=1)


class Clock:
    """Stands, and goes back as well as on."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Kept:
    """A store that keeps the values in memory, and all that it was given."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.incidents: list[Incident] = []
        self.letters: list[Letter] = []

    def append(self, entry: Entry) -> None:
        self.values.update(entry.values)
        self.incidents += entry.incidents
        self.letters += entry.letters
        if entry.written is not None:
            entry.written(None)

    def value(self, key: str) -> str | None:
        return self.values.get(key)

    def values_under(self, prefix: str) -> dict[str, str]:
        return {}


class Desk:
    """The core of one agent, from a snapshot or from nothing, and what it told."""

    def __init__(self, at: datetime = MORNING, text: str | None = None, ids: Ids | None = None) -> None:
        self.clock, self.store, self.notices = Clock(at), Kept(), list[Notice]()
        self.wake_at: datetime | None = None
        former = snapshot.unpack(text) if text is not None else None
        self.core = Core(
            bind(list(RULES), MACHINES, session="market"),
            clock=self.clock,
            journal=self.store,
            publisher=Publisher(former.revision if former is not None else 0),
            believed_for={machine.name: timedelta(days=30) for machine in MACHINES},
            consequences=Consequences(
                ask=lambda name: None,
                wake_at=self._arm,
                statuses_changed=lambda statuses: None,
                address=self._address,
                post=lambda letters, error: None,
                published=lambda: None,
                stored=lambda error: None,
                describe=lambda: AgentPart(name="desk", version="1", started_at=at),
            ),
            routes=ROUTES,
            former=former,
            ids=ids or DerivedIds("mumbai"),
        )
        self.core.evaluate()

    def _arm(self, instant: datetime | None) -> None:
        self.wake_at = instant

    def _address(self, notice: Notice, to: frozenset[str]) -> tuple[Letter, ...]:
        self.notices.append(notice)
        addresses = [Address(notifier=name) for name in sorted(to)]
        return write(notice, addresses, after=len(self.store.letters), now=self.clock.now())

    @property
    def snapshot(self) -> str:
        return self.store.values[snapshot.KEY]

    @property
    def opened(self) -> list[str]:
        return list(dict.fromkeys(incident.id for incident in self.store.incidents))

    def say(self, **states: str) -> None:
        for name, state in states.items():
            told = {"next_open_at": next_open(self.clock.now()).isoformat()} if state == "CLOSED" else {}
            report = Report(state=state, reason="R", observed_at=self.clock.now(), attributes=told)
            self.core.accept(name, report)

    def wait(self, span: timedelta) -> None:
        end = self.clock.now() + span
        while self.wake_at is not None and self.wake_at <= end:
            assert self.wake_at > self.clock.now()
            self.clock.at = self.wake_at
            self.core.evaluate()
        self.clock.at = end
        self.core.evaluate()


def well(at: datetime = MORNING, text: str | None = None, ids: Ids | None = None) -> Desk:
    desk = Desk(at, text, ids)
    desk.say(market="LIVE", auth="VALID", feed="CONNECTED", spare="CONNECTED")
    desk.wait(timedelta(minutes=5))
    return desk


def trouble(desk: Desk) -> None:
    """A problem, its repeat and its escalation, and its end."""
    desk.say(auth="REQUIRED")
    desk.wait(timedelta(minutes=21))
    desk.say(auth="VALID")
    desk.wait(timedelta(minutes=21))


def ids_of(desk: Desk) -> tuple[list[str], list[str], list[str]]:
    return desk.opened, [one.id for one in desk.notices], [one.id for one in desk.store.letters]


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(milliseconds=7), timedelta(seconds=3)], ids=str)
def test_two_agents_tell_the_same_trouble_under_the_same_ids(apart) -> None:
    text = well().snapshot
    one, other = well(MORNING + timedelta(hours=1), text), well(MORNING + timedelta(hours=1) + apart, text)
    trouble(one)
    trouble(other)
    assert ids_of(one) == ids_of(other)
    assert len(one.opened) == 1
    assert {notice.reason for notice in one.notices} >= {"FIRST", "REPEAT", "ESCALATED", "RECOVERED"}


def test_they_do_so_in_the_middle_of_an_incident_too() -> None:
    first = well()
    first.say(auth="REQUIRED")
    first.wait(timedelta(minutes=5))
    at = first.clock.now()
    one, other = Desk(at, first.snapshot), Desk(at + timedelta(milliseconds=7), first.snapshot)
    for desk in (one, other):
        desk.say(market="LIVE", auth="REQUIRED", feed="CONNECTED", spare="CONNECTED")
        trouble(desk)
    assert ids_of(one) == ids_of(other)
    assert one.notices
    assert {notice.incident.id for notice in one.notices if notice.incident} == set(first.opened)
    assert not {notice.id for notice in one.notices} & {notice.id for notice in first.notices}


def test_a_problem_that_comes_back_within_the_day_is_another_one() -> None:
    desk = well()
    trouble(desk)
    trouble(desk)
    opened, notices, letters = ids_of(desk)
    assert len(opened) == 2
    assert len(set(notices)) == len(notices) >= 6
    assert len(set(letters)) == len(letters)


def test_an_older_snapshot_on_another_day_gives_no_id_again() -> None:
    desk = well()
    older = desk.snapshot
    trouble(desk)
    again = well(MORNING + timedelta(days=1), older)
    trouble(again)
    for former, new in zip(ids_of(desk), ids_of(again), strict=True):
        assert not set(former) & set(new)


def test_an_older_snapshot_of_an_open_incident_tells_it_under_other_ids_on_another_day() -> None:
    desk = well()
    desk.say(auth="REQUIRED")
    desk.wait(timedelta(minutes=1))
    older = desk.snapshot
    desk.wait(timedelta(minutes=30))
    again = Desk(MORNING + timedelta(days=1), older)
    again.say(market="LIVE", auth="REQUIRED", feed="CONNECTED", spare="CONNECTED")
    again.wait(timedelta(minutes=30))
    assert again.notices
    assert not {one.id for one in desk.notices} & {one.id for one in again.notices}


def test_other_desks_have_other_ids() -> None:
    one, other = well(), well(ids=DerivedIds("chennai"))
    trouble(one)
    trouble(other)
    assert not set(one.opened) & set(other.opened)
    assert not {notice.id for notice in one.notices} & {notice.id for notice in other.notices}


def test_an_agent_by_itself_has_random_ids() -> None:
    one, other = well(ids=RANDOM), well(ids=RANDOM)
    trouble(one)
    trouble(other)
    assert not set(one.opened) & set(other.opened)


def test_a_reminder_is_the_same_from_both_and_is_told_once_though_the_clock_goes_back() -> None:
    text = well().snapshot
    one, other = Desk(MORNING - timedelta(hours=2), text), Desk(MORNING - timedelta(minutes=119), text)
    for desk in (one, other):
        desk.say(market="CLOSED", auth="REQUIRED", feed="CONNECTED", spare="CONNECTED")
        desk.wait(timedelta(hours=2, minutes=5))
        desk.clock.at -= timedelta(hours=1)
        desk.core.shift(-timedelta(hours=1))
        desk.wait(timedelta(hours=1))
    found = [[n.id for n in desk.notices if n.type is NoticeType.REMINDER] for desk in (one, other)]
    assert found[0] == found[1]
    assert len(found[0]) == 2


OPEN = next_open(MORNING - timedelta(hours=12))
BROKEN = {"market": "CLOSED", "auth": "REQUIRED", "feed": "CONNECTED", "spare": "CONNECTED"}


def reminders(desk: Desk) -> list[str]:
    return [one.message.partition(".")[0] for one in desk.notices if one.type is NoticeType.REMINDER]


@pytest.mark.parametrize(
    ("away_from", "away_until", "late", "after"),
    [
        pytest.param(95, 85, ["55 minutes are left"], ["30 minutes are left"], id="one"),
        pytest.param(95, 50, ["20 minutes are left"], [], id="two, of which the later counts"),
        pytest.param(89, 61, [], ["30 minutes are left"], id="none"),
        pytest.param(95, 29, [], [], id="two, and the deadline itself"),
    ],
)
def test_a_reminder_that_the_agent_was_away_for_is_told_late_with_what_is_left_by_then(
    away_from: int, away_until: int, late: list[str], after: list[str]
) -> None:
    desk = Desk(OPEN - timedelta(hours=2))
    desk.say(**BROKEN)
    desk.wait(timedelta(minutes=120 - away_from))
    again = Desk(OPEN - timedelta(minutes=away_until), desk.snapshot)
    again.say(**BROKEN)
    assert reminders(again) == late
    again.wait(timedelta(minutes=away_until))
    assert reminders(again) == late + after


def test_one_that_came_due_while_the_machine_slept_is_told_when_the_clock_is_followed() -> None:
    desk = Desk(OPEN - timedelta(hours=2))
    desk.say(**BROKEN)
    desk.wait(timedelta(minutes=25))
    desk.clock.at += timedelta(minutes=10)
    desk.core.shift(timedelta(minutes=10))
    assert reminders(desk) == ["55 minutes are left"]
    desk.wait(timedelta(minutes=20))
    assert reminders(desk) == ["55 minutes are left"]


def test_one_that_came_due_while_the_agent_started_is_told_once_all_have_spoken() -> None:
    at = OPEN - timedelta(minutes=90, seconds=2)
    desk = Desk(at, Desk(OPEN - timedelta(hours=2)).snapshot)
    desk.say(**{name: state for name, state in BROKEN.items() if name != "spare"})
    desk.wait(timedelta(seconds=3))
    assert reminders(desk) == []
    desk.say(spare="CONNECTED")
    assert reminders(desk) == ["60 minutes are left"]
    again = Desk(desk.clock.now(), desk.snapshot)
    again.say(**BROKEN)
    again.wait(timedelta(minutes=20))
    assert reminders(again) == []


def test_the_first_run_of_all_tells_of_no_time_before_it() -> None:
    desk = Desk(OPEN - timedelta(minutes=80))
    desk.say(**BROKEN)
    desk.wait(timedelta(minutes=10))
    assert reminders(desk) == []


STATES = {
    "market": ["LIVE", "CLOSED", "PRE_OPEN"],
    "auth": ["VALID", "REQUIRED", "UNKNOWN"],
    "feed": ["CONNECTED", "STALE", "DISCONNECTED"],
    "spare": ["CONNECTED", "STALE"],
}
reports = st.sampled_from([(name, state) for name, states in STATES.items() for state in states])
steps = st.one_of(
    st.tuples(st.just("say"), reports),
    st.tuples(st.just("wait"), st.sampled_from([0.001, 5, 31, 70, 601, 4000, 90_000])),
    st.tuples(st.just("shift"), st.sampled_from([-3600, 3600])),
)


def take(step: tuple[str, Any], desk: Desk) -> None:
    match step:
        case ("say", (name, state)):
            desk.say(**{name: state})
        case ("wait", seconds):
            desk.wait(timedelta(seconds=seconds))
        case ("shift", seconds):
            desk.clock.at += timedelta(seconds=seconds)
            desk.core.shift(timedelta(seconds=seconds))


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=25), st.integers(0, 25))
def test_no_id_is_ever_given_twice_whatever_happens(history, restart) -> None:
    desk = well()
    told: list[str] = []
    opened: list[str] = []
    for number, step in enumerate(history):
        if number == restart:
            told += [one.id for one in desk.notices]
            opened += desk.opened
            again = Desk(desk.clock.now(), desk.snapshot)
            still_open = [again.core.incident.id] if again.core.incident is not None else []
            opened = [id_ for id_ in opened if id_ not in still_open]
            desk = again
        take(step, desk)
    told += [one.id for one in desk.notices]
    opened += desk.opened
    assert len(told) == len(set(told))
    assert len(opened) == len(set(opened))
    assert all(one.incident for one in desk.notices if one.type is NoticeType.PROBLEM)
