"""The line from a report to what follows from it, on a real journal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.alerts.routes import Route
from agent.config.rule_table import as_rule, default_table
from agent.health.document import AgentPart
from agent.health.rules import bind
from agent.model import CoreReason, Machine, NoticeReason, Report, Severity
from agent.runtime.border import unknown
from agent.runtime.core import Consequences, Core
from agent.runtime.publishing import Publisher
from agent.store import snapshot
from agent.store.journal import Journal
from agent.testing import ManualClock

MACHINES = (
    Machine(name="market", kind="market", role="market"),
    Machine(name="auth", kind="kite-login", role="auth"),
    Machine(name="feed", kind="kite-feed", role="feed"),
)
RULES = tuple(map(as_rule, default_table()))


class Run:
    """One run of the core between its start and its end, with all that followed."""

    def __init__(self, folder, clock: ManualClock, machines) -> None:
        self.clock = clock
        self.notices, self.asked, self.wake_at, self.errors = [], [], None, []
        self.journal = Journal(folder / "journal.sqlite")
        self.journal.open()
        self.journal.start()
        text = self.journal.value(snapshot.KEY)
        former = snapshot.unpack(text) if text else None
        started_at = clock.now()
        self.publisher = Publisher(former.revision if former else 0)
        self.core = Core(
            bind(list(map(as_rule, default_table())), machines, session="market"),
            clock=clock,
            journal=self.journal,
            publisher=self.publisher,
            believed_for={machine.name: timedelta(days=1) for machine in MACHINES},
            consequences=Consequences(
                ask=self.asked.append,
                wake_at=self._arm,
                statuses_changed=lambda statuses: None,
                address=self._address,
                post=lambda letters, error: None,
                published=lambda: None,
                stored=self.errors.append,
                describe=lambda: AgentPart(name="desk", version="1", started_at=started_at),
            ),
            routes=(Route(to=frozenset({"desk"})),),
            former=former,
        )
        self.core.evaluate()

    def _address(self, notice, to):
        self.notices.append(notice)
        return ()

    def _arm(self, instant) -> None:
        self.wake_at = instant

    def say(self, **states: str) -> None:
        for name, state in states.items():
            self.core.accept(name, Report(state=state, reason="R", observed_at=self.clock.now()))

    async def wait(self, seconds: float) -> None:
        end = self.clock.now() + timedelta(seconds=seconds)
        while self.wake_at is not None and self.wake_at <= end:
            await self.clock.advance(self.wake_at - self.clock.now())
            self.core.evaluate()
        await self.clock.advance(end - self.clock.now())

    async def told(self) -> list[tuple[str, str]]:
        """What was told, once the journal has taken in all that came before."""
        await self.journal.close()
        await asyncio.sleep(0)
        self.journal.start()
        return [(notice.reason, notice.code) for notice in self.notices]

    @property
    def document(self):
        assert self.publisher.latest is not None
        return self.publisher.latest.document


@pytest.fixture
async def start(tmp_path):
    clock, runs = ManualClock(), []

    def begin(machines=MACHINES) -> Run:
        runs.append(Run(tmp_path, clock, machines))
        return runs[-1]

    yield begin
    for run in runs:
        await run.journal.close()


async def test_a_report_is_in_the_document_before_the_call_returns(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="CONNECTED")
    assert (run.document.code, run.document.ready) == ("LIVE", True)


async def test_a_revision_is_a_change_of_content(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="CONNECTED")
    before = run.publisher.revision
    await run.wait(10)
    run.say(feed="CONNECTED")
    assert run.publisher.revision == before
    run.say(feed="STALE")
    assert run.publisher.revision == before + 1
    assert run.document.revision == before + 1


async def test_a_renewal_is_no_revision_and_another_etag(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="CONNECTED")
    before = run.publisher.latest
    assert before is not None
    await run.clock.advance(10)
    run.publisher.renew(run.clock.now())
    after = run.publisher.latest
    assert after is not None
    assert after.document.revision == before.document.revision
    assert after.document.valid_until == before.document.valid_until + timedelta(seconds=10)
    assert after.etag != before.etag


async def test_a_problem_and_its_end_are_told_once_each_after_they_are_on_disk(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="CONNECTED")
    await run.wait(1)
    run.say(feed="STALE")
    await run.wait(60)
    run.say(feed="CONNECTED")
    await run.wait(2)
    assert await run.told() == [
        (NoticeReason.FIRST, "FEED_STALE"),
        (NoticeReason.RECOVERED, "LIVE"),
    ]
    assert run.notices[1].duration == timedelta(seconds=62)
    rows = await run.journal.history(limit=100)
    leads = [row["after"] for row in reversed(rows) if row["subject"] == "lead"]
    assert leads == ["LIVE", "FEED_STALE", "LIVE"]


async def test_a_restart_in_a_problem_is_neither_an_alarm_nor_a_recovery(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="CONNECTED")
    await run.wait(1)
    run.say(auth="EXPIRED")
    began = run.document.since
    assert await run.told() == [(NoticeReason.FIRST, "AUTH_REQUIRED")]
    await run.clock.advance(300)

    again = start()
    assert again.document.code == "STARTING"
    again.say(market="LIVE", feed="CONNECTED")
    await again.wait(1)
    again.say(auth="EXPIRED")
    assert (again.document.code, again.document.since) == ("AUTH_REQUIRED", began)
    assert again.document.machines["auth"].since == began
    assert await again.told() == []
    assert again.publisher.revision > run.publisher.revision


async def test_a_restart_after_which_all_is_well_tells_the_recovery_and_only_on_evidence(start) -> None:
    run = start()
    run.say(market="LIVE", auth="EXPIRED", feed="CONNECTED")
    await run.told()
    await run.clock.advance(300)

    again = start()
    again.say(market="LIVE", feed="CONNECTED")
    await again.wait(60)
    assert again.document.code == "AUTH_REQUIRED"
    assert await again.told() == []
    again.say(auth="VALID")
    await again.wait(2)
    assert await again.told() == [(NoticeReason.RECOVERED, "LIVE")]


async def test_a_restart_makes_no_alarm_of_what_was_on_its_way_out_untold(start) -> None:
    run = start()
    run.say(market="LIVE", auth="EXPIRED", feed="DISCONNECTED")
    await run.wait(60)
    run.say(auth="VALID")
    run.say(feed="CONNECTED")
    assert [p.phase for p in run.document.problems] == ["suppressed"]
    await run.told()
    run.notices.clear()
    await run.clock.advance(600)

    again = start()
    again.say(market="LIVE", auth="VALID", feed="CONNECTING")
    assert again.document.code == "LIVE"
    again.say(feed="CONNECTED")
    await again.wait(10)
    assert await again.told() == []


async def test_a_restart_hides_nothing_that_was_told_for_its_own_sake(start) -> None:
    run = start()
    run.say(market="LIVE", auth="EXPIRED", feed="DISCONNECTED")
    await run.wait(60)
    run.say(auth="VALID", feed="CONNECTED")
    await run.wait(10)
    run.say(feed="DISCONNECTED", auth="VALID")
    await run.wait(10)
    began = run.document.since
    assert (await run.told())[-1] == (NoticeReason.FIRST, "FEED_DISCONNECTED")
    await run.wait(300)

    again = start()
    again.say(market="LIVE", auth="VALID", feed="DISCONNECTED")
    await again.wait(1)
    assert (again.document.code, again.document.since) == ("FEED_DISCONNECTED", began)
    assert await again.told() == []
    again.say(feed="CONNECTED")
    await again.wait(10)
    assert await again.told() == [(NoticeReason.RECOVERED, "LIVE")]


async def test_that_the_feed_connects_at_each_start_is_no_flapping(start) -> None:
    run = start()
    run.say(market="LIVE", feed="CONNECTED", auth="VALID")
    for _ in range(8):
        await run.told()
        await run.clock.advance(20)
        run = start()
        run.say(market="LIVE", feed="CONNECTING")
        await run.wait(0.2)
        run.say(feed="CONNECTED")
        await run.wait(0.2)
        run.say(auth="VALID")
        await run.wait(20)
        assert (run.document.code, run.notices) == ("LIVE", [])


async def test_after_a_login_one_recovery_waits_for_the_feed_and_says_how_long_it_took(start) -> None:
    run = start()
    run.say(market="LIVE", auth="EXPIRED", feed="DISCONNECTED")
    await run.wait(60)
    run.say(auth="VALID")
    await run.wait(1.8)
    assert await run.told() == [(NoticeReason.FIRST, "AUTH_REQUIRED")]
    run.say(feed="CONNECTED")
    await run.wait(10)
    assert await run.told() == [(NoticeReason.FIRST, "AUTH_REQUIRED"), (NoticeReason.RECOVERED, "LIVE")]
    assert "is over after 1m2s: auth VALID, feed CONNECTED 1.8 s later." in run.notices[1].message


async def test_a_login_that_does_not_last_is_told_again_though_no_recovery_was(start) -> None:
    run = start()
    run.say(market="LIVE", auth="EXPIRED", feed="DISCONNECTED")
    await run.wait(60)
    run.say(auth="VALID")
    await run.wait(3)
    run.say(auth="EXPIRED")
    await run.wait(600)
    run.say(auth="VALID", feed="CONNECTED")
    await run.wait(10)
    assert await run.told() == [
        (NoticeReason.FIRST, "AUTH_REQUIRED"),
        (NoticeReason.WORSE, "AUTH_REQUIRED"),
        (NoticeReason.RECOVERED, "LIVE"),
    ]
    assert len({notice.incident.id for notice in run.notices}) == 1


async def test_a_feed_that_does_not_come_back_after_a_login_is_told_in_the_recoverys_place(start) -> None:
    run = start()
    run.say(market="LIVE", auth="EXPIRED", feed="DISCONNECTED")
    await run.wait(60)
    run.say(auth="VALID")
    await run.wait(44.9)
    assert len(await run.told()) == 1
    await run.wait(0.1)
    run.say(feed="CONNECTED")
    await run.wait(10)
    assert await run.told() == [
        (NoticeReason.FIRST, "AUTH_REQUIRED"),
        (NoticeReason.UNSUPPRESSED, "FEED_DISCONNECTED"),
        (NoticeReason.RECOVERED, "LIVE"),
    ]


async def test_a_step_of_the_wall_clock_keeps_ages_and_alarms_nobody(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="CONNECTED")
    await run.wait(30)
    run.say(feed="DISCONNECTED")
    run.say(auth="VALID")
    step = timedelta(hours=1)
    run.clock.step_wall(step)
    run.core.shift(step)
    assert run.document.code == "LIVE"
    assert run.document.machines["auth"].since == run.clock.now() - timedelta(seconds=30)
    await run.wait(2.9)
    assert run.document.code == "LIVE"
    await run.wait(0.1)
    assert run.document.code == "FEED_DISCONNECTED"


async def test_the_likely_cause_is_asked(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="CONNECTED")
    await run.wait(1)
    run.say(feed="DISCONNECTED")
    assert run.asked == ["auth"]


# -- another configuration --------------------------------------------------------------------


def table(*machines: Machine, **changes: object):
    """The default rules, one field of `feed-stale` otherwise, bound to some machines."""
    rules = [replace(rule, **changes) if rule.id == "feed-stale" else rule for rule in RULES]
    return bind(rules, machines or MACHINES, session="market", readiness={"feed": ["CONNECTED"]})


BELIEVED = {machine.name: timedelta(days=1) for machine in MACHINES}


async def test_another_table_counts_at_once_and_a_problem_that_stays_keeps_its_age(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="STALE")
    began = run.document.since
    await run.wait(60)
    run.core.adopt(table(severity=Severity.WARNING, message="Another text"), BELIEVED)
    assert (run.document.severity, run.document.message) == (Severity.WARNING, "Another text")
    assert run.document.since == began
    assert (await run.told())[0] == (NoticeReason.FIRST, "FEED_STALE")


async def test_a_problem_whose_rule_is_gone_is_not_watched_any_more(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="STALE")
    await run.wait(60)
    rules = [rule for rule in RULES if rule.id != "feed-stale"]
    run.core.adopt(bind(rules, MACHINES, session="market"), BELIEVED)
    await run.wait(5)
    assert run.document.code == "LIVE"
    assert await run.told() == [(NoticeReason.FIRST, "FEED_STALE"), (NoticeReason.UNWATCHED, "LIVE")]


async def test_a_run_without_the_machine_says_that_it_does_not_look_at_it(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="STALE")
    await run.told()
    await run.clock.advance(300)
    again = start(MACHINES[:2])
    again.say(market="LIVE", auth="VALID")
    await again.wait(2)
    assert await again.told() == [(NoticeReason.UNWATCHED, "LIVE")]
    assert again.notices[0].message.startswith(
        "FEED_STALE is not watched any more, after 5m2s: the configuration has no machine feed."
    )


async def test_it_is_no_recovery_where_the_rule_names_the_session_first(start) -> None:
    (rule,) = (one for one in RULES if one.id == "feed-stale")
    rules = (replace(rule, when=tuple(reversed(rule.when))), *RULES[-5:])
    run = start()
    run.core.adopt(bind(rules, MACHINES, session="market"), BELIEVED)
    run.say(market="LIVE", auth="VALID", feed="STALE")
    await run.wait(10)
    run.core.adopt(bind(rules, MACHINES[:2], session="market"), BELIEVED)
    await run.wait(5)
    assert await run.told() == [(NoticeReason.FIRST, "FEED_STALE"), (NoticeReason.UNWATCHED, "LIVE")]


async def test_a_run_that_cannot_see_the_machine_goes_on_with_its_problem_until_it_does(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="STALE")
    began = run.document.since
    await run.told()
    await run.clock.advance(300)
    again = start()
    again.core.accept("feed", unknown(CoreReason.PLUGIN_ERROR, "it cannot be built", again.clock.now()))
    again.say(market="LIVE", auth="VALID")
    await again.wait(3600)
    assert (again.document.code, again.document.since) == ("FEED_STALE", began)
    assert await again.told() == []
    again.say(feed="CONNECTED")
    await again.wait(10)
    assert await again.told() == [(NoticeReason.RECOVERED, "LIVE")]


async def test_of_a_machine_that_was_built_anew_nothing_is_known_until_it_speaks(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="CONNECTED")
    began = run.document.machines["feed"].since
    await run.wait(60)
    run.core.adopt(table(), BELIEVED, renewed=["feed"])
    feed = run.document.machines["feed"]
    assert (feed.state, feed.reason, run.document.ready) == ("UNKNOWN", "NOT_PROBED", False)
    run.say(feed="CONNECTED")
    assert (run.document.ready, run.document.machines["feed"].since) == (True, began)
    assert await run.told() == []


async def test_a_machine_that_is_gone_is_asked_for_no_more(start) -> None:
    run = start()
    run.say(market="LIVE", auth="VALID", feed="STALE")
    await run.wait(60)
    run.core.adopt(table(*MACHINES[:2]), BELIEVED)
    assert set(run.document.machines) == {"market", "auth"}
    await run.wait(60)
    assert run.document.code == "LIVE"


async def test_a_recovery_waits_for_a_feed_that_has_only_begun_to_connect(start) -> None:
    run = start()
    run.say(market="PRE_OPEN", auth="EXPIRED", feed="CONNECTED")
    await run.wait(10)
    run.say(feed="DISCONNECTED")
    run.say(auth="VALID")
    run.say(feed="CONNECTING")
    await run.wait(1)
    assert [reason for reason, _ in await run.told()] == [NoticeReason.FIRST]
    run.say(feed="CONNECTED")
    await run.wait(5)
    assert "auth VALID, feed CONNECTED 1.0 s later" in run.notices[-1].message
