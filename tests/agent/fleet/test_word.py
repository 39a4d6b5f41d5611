"""An agent's word: its document made small enough for a screen of two hundred."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.config.rule_table import as_rule, default_table, place
from agent.fleet import lost
from agent.fleet.word import packed, unpacked, word_of
from agent.health import self_check
from agent.health.document import AgentPart, HealthDocument, NotifierPart, compose
from agent.model import Acknowledgement, Incident, Machine, Severity
from agent.registry import OfferedRule
from tests.agent.health.conftest import AUTH, FEED, MARKET, MORNING, PaperDesk

OTHER = Machine(name="positions", kind="positions", role="positions", group="kite")
RULES = [
    as_rule(one) for one in place(default_table(), [OfferedRule(rule=lost.RULE, before=None, after=None)])
]


@pytest.fixture
def desk() -> PaperDesk:
    found = PaperDesk(RULES, (MARKET, AUTH, FEED, OTHER, self_check.MACHINE, lost.MACHINE))
    found.say("positions", "GOOD")
    found.say("agent", "WELL")
    found.say("fleet", "WHOLE")
    return found


def document_of(desk: PaperDesk, notifiers: tuple[NotifierPart, ...] = ()) -> HealthDocument:
    agent = AgentPart(name="a", version="1", started_at=MORNING, notifiers=list(notifiers))
    return compose(desk.ruleset, desk.evaluation, agent, revision=3, now=desk.now)


def test_it_is_the_documents_answer_with_the_machine_in_trouble_first(desk: PaperDesk) -> None:
    desk.say_all(feed="STALE")
    document = document_of(desk)
    word = word_of(document)
    assert (word.code, word.severity, word.status) == ("FEED_STALE", "critical", "fail")
    assert (word.message, word.since, word.revision) == (document.message, document.since, 3)
    first = word.machines[0]
    assert (first.name, first.state, first.severity) == ("feed", "STALE", Severity.CRITICAL)
    assert {one.name for one in word.machines} == {"feed", "auth", "market", "positions"}


def test_what_another_problem_explains_is_no_trouble_of_its_machine(desk: PaperDesk) -> None:
    desk.say_all(auth="REQUIRED", feed="STALE")
    severities = {one.name: one.severity for one in word_of(document_of(desk)).machines}
    assert (severities["auth"], severities["feed"]) == (Severity.CRITICAL, Severity.OK)


def test_that_another_agent_is_lost_is_no_trouble_of_this_ones_desk(desk: PaperDesk) -> None:
    desk.say_all()
    desk.say("fleet", "LOST")
    desk.wait(3)
    assert document_of(desk).code == "AGENT_LOST"
    word = word_of(document_of(desk))
    assert (word.code, word.severity, word.status, word.color) == ("LIVE", "ok", "pass", "green")
    desk.say("agent", "DEGRADED", message="the disk is full")
    desk.say("fleet", "LOST")
    desk.wait(10)
    assert word_of(document_of(desk)).code == "AGENT_DEGRADED"


def test_what_never_leads_is_not_the_desks_answer_while_another_agent_is_lost(desk: PaperDesk) -> None:
    desk.say_all()
    desk.say("market", "LIVE", "SESSION", measures={"calendar_left_days": 31.0})
    assert word_of(document_of(desk)).code == "LIVE"
    desk.say("fleet", "LOST")
    desk.wait(3)
    assert [one.code for one in document_of(desk).problems] == ["AGENT_LOST", "CALENDAR_ENDS"]
    assert (word_of(document_of(desk)).code, word_of(document_of(desk)).severity) == ("LIVE", "ok")


def test_the_backlog_and_the_agents_own_troubles_are_in_it(desk: PaperDesk) -> None:
    desk.say_all()
    desk.say("agent", "DEGRADED", message="notifier slack: 503")
    old, older = desk.now - timedelta(minutes=1), desk.now - timedelta(minutes=9)
    word = word_of(
        document_of(
            desk,
            (
                NotifierPart(name="slack", kind="slack", state="failing", waiting=3, oldest_at=older),
                NotifierPart(name="mail", kind="email", state="working", waiting=1, oldest_at=old),
            ),
        )
    )
    assert (word.backlog.waiting, word.backlog.oldest_at) == (4, older)
    assert word.failing == ("slack",)
    assert word.trouble == "notifier slack: 503"


def test_the_open_incident_and_who_is_at_it(desk: PaperDesk) -> None:
    desk.say_all()
    taken = Acknowledgement(who="asha", why="calling", at=desk.now)
    incident = Incident(id="i1", opened_at=desk.now, code="FEED_STALE", acknowledged=taken)
    told = word_of(document_of(desk), incident).incident
    assert told is not None
    assert (told.id, told.code, told.acknowledged_by) == ("i1", "FEED_STALE", "asha")


def test_it_is_small_and_is_read_as_it_was_written(desk: PaperDesk) -> None:
    for name in ("market", "auth", "feed", "positions"):
        desk.say(name, "UNKNOWN", "PROBE_FAILED", message="x" * 500)
    desk.wait(5)
    incident = Incident(id="f" * 32, opened_at=desk.now, code="MACHINE_UNKNOWN")
    notifiers = (NotifierPart(name="slack", kind="slack", state="failing", waiting=99, oldest_at=desk.now),)
    word = word_of(document_of(desk, notifiers), incident)
    text = packed(word)
    assert len(text.encode()) < 2_000
    assert unpacked(text) == word


def test_the_word_of_a_later_version_is_read_for_what_is_known(desk: PaperDesk) -> None:
    desk.say_all()
    word = word_of(document_of(desk))
    assert unpacked(packed(word).replace("{", '{"mood": "calm", ', 1)) == word
    with pytest.raises(ValueError, match="code"):
        unpacked("{}")
