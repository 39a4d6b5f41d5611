"""The default table, as a desk lives through it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.config.rule_table import as_rule
from agent.config.schema import RuleTable
from agent.health.evaluate import evaluate
from agent.model import Machine, Severity
from tests.agent.health.conftest import AUTH, FEED, MARKET


def test_nothing_is_said_before_every_machine_has_spoken(desk) -> None:
    assert (desk.code, desk.evaluation.problems) == ("STARTING", ())
    desk.say("market", "LIVE")
    desk.say("auth", "VALID")
    assert desk.code == "STARTING"
    desk.say("feed", "CONNECTED")
    assert desk.code == "LIVE"


def test_a_machine_that_never_speaks_is_unknown_after_the_first_moments(desk) -> None:
    desk.say("market", "LIVE")
    desk.say("auth", "VALID")
    desk.wait(4.999)
    assert desk.code == "STARTING"
    desk.wait(0.001)
    desk.wait(2)
    assert desk.code == "MACHINE_UNKNOWN"
    assert desk.evaluation.lead.cause.machine.name == "feed"


@pytest.mark.parametrize("state", ["LIVE", "PRE_OPEN", "CLOSED"])
def test_the_session_names_the_document_when_nothing_is_wrong(desk, state: str) -> None:
    desk.say_all(market=state)
    assert (desk.code, desk.evaluation.lead.severity) == (state, Severity.OK)


def test_auth_comes_before_feed(desk) -> None:
    desk.say_all(auth="REQUIRED", feed="STALE")
    assert desk.code == "AUTH_REQUIRED"
    assert desk.phase("feed-stale") == "suppressed"
    assert [p.suppressed_by for p in desk.evaluation.problems] == [(), ("auth-required",)]


@pytest.mark.parametrize(
    ("market", "reason", "severity"),
    [
        pytest.param("LIVE", "SESSION", Severity.CRITICAL, id="in the session"),
        pytest.param("PRE_OPEN", "SESSION", Severity.CRITICAL, id="before the open"),
        pytest.param("CLOSED", "AFTER_HOURS", Severity.WARNING, id="at night"),
        pytest.param("CLOSED", "HOLIDAY", Severity.INFO, id="on a holiday, whose reason wins"),
        pytest.param("CLOSED", "WEEKEND", Severity.INFO, id="at the weekend"),
        pytest.param("UNKNOWN", "OUT_OF_CALENDAR", Severity.CRITICAL, id="where the calendar ends"),
    ],
)
def test_a_login_matters_by_the_session(desk, market: str, reason: str, severity: Severity) -> None:
    desk.say_all(auth="EXPIRED")
    desk.say("market", market, reason, message="The calendar ends here")
    assert desk.evaluation.lead.severity is severity


def test_a_disconnected_feed_counts_after_three_seconds_with_its_age(desk) -> None:
    desk.say_all()
    began = desk.now
    desk.say("feed", "DISCONNECTED")
    assert (desk.code, desk.phase("feed-disconnected")) == ("LIVE", "pending")
    desk.say("auth", "VALID")
    desk.wait(2.999)
    assert desk.code == "LIVE"
    desk.wait(0.001)
    assert desk.code == "FEED_DISCONNECTED"
    assert desk.evaluation.lead.since == began


def test_the_likely_cause_is_asked_and_the_alarm_waits_for_it_only_briefly(desk) -> None:
    desk.say_all()
    desk.wait(1)
    desk.say("feed", "DISCONNECTED")
    assert desk.evaluation.ask == {"auth"}
    desk.wait(3)
    assert desk.code == "LIVE"
    desk.wait(2)
    assert desk.code == "FEED_DISCONNECTED"


def test_the_answer_of_the_likely_cause_becomes_the_alarm(desk) -> None:
    desk.say_all()
    desk.wait(1)
    desk.say("feed", "DISCONNECTED")
    desk.say("auth", "EXPIRED")
    assert desk.code == "AUTH_REQUIRED"
    desk.wait(10)
    assert (desk.code, desk.phase("feed-disconnected")) == ("AUTH_REQUIRED", "suppressed")


def test_a_short_drop_is_no_alarm(desk) -> None:
    desk.say_all()
    desk.say("feed", "DISCONNECTED")
    desk.say("auth", "VALID")
    desk.wait(2.9)
    desk.say("feed", "CONNECTED")
    desk.wait(10)
    assert (desk.code, desk.evaluation.problems) == ("LIVE", ())


def test_a_problem_clears_after_its_time_and_a_relapse_keeps_its_age(desk) -> None:
    desk.say_all(feed="STALE")
    began = desk.now
    desk.wait(5)
    desk.say("feed", "CONNECTED")
    desk.wait(1.9)
    assert (desk.code, desk.phase("feed-stale")) == ("FEED_STALE", "clearing")
    desk.say("feed", "STALE")
    assert (desk.phase("feed-stale"), desk.evaluation.lead.since) == ("active", began)
    desk.say("feed", "CONNECTED")
    desk.wait(2)
    assert desk.code == "LIVE"


def test_the_feed_has_its_time_to_come_back_after_a_login(desk) -> None:
    desk.say_all(auth="EXPIRED", feed="DISCONNECTED")
    began = desk.now
    desk.wait(600)
    desk.say("auth", "VALID")
    assert (desk.code, desk.phase("feed-disconnected")) == ("LIVE", "suppressed")
    desk.wait(44.999)
    assert desk.code == "LIVE"
    desk.wait(0.001)
    assert desk.code == "FEED_DISCONNECTED"
    assert desk.evaluation.lead.since == began


def test_a_feed_that_came_back_and_fails_anew_is_not_explained_by_the_login(desk) -> None:
    desk.say_all(auth="EXPIRED", feed="DISCONNECTED")
    desk.wait(600)
    desk.say("auth", "VALID")
    desk.say("feed", "CONNECTED")
    desk.wait(5)
    desk.say("feed", "STALE")
    assert desk.code == "FEED_STALE"


def test_a_disconnection_at_night_is_evaluated_the_instant_the_session_begins(desk) -> None:
    desk.say_all(market="CLOSED", feed="DISCONNECTED")
    desk.wait(3600)
    assert desk.evaluation.problems == ()
    desk.say("market", "PRE_OPEN")
    desk.say("auth", "VALID")
    desk.wait(3)
    assert desk.code == "FEED_DISCONNECTED"


def test_quiet_at_night_is_no_problem(desk) -> None:
    desk.say_all(market="CLOSED", feed="STALE")
    desk.wait(3600)
    assert (desk.code, desk.evaluation.problems) == ("CLOSED", ())


def test_an_unknown_machine_neither_raises_nor_clears_the_problem_it_could_tell_of(desk) -> None:
    desk.say_all(feed="STALE")
    desk.wait(1)
    desk.say("feed", "UNKNOWN", "PROBE_TIMEOUT")
    desk.wait(60)
    assert desk.phase("feed-stale") == "active"
    assert desk.phase("machine-unknown") == "active"
    desk.say("feed", "CONNECTED")
    desk.wait(2)
    assert desk.code == "LIVE"


def test_a_stale_report_leads_to_unknown_without_any_word_from_the_machine(desk) -> None:
    desk.say_all()
    desk.say("feed", "CONNECTED", valid_for=timedelta(seconds=10))
    desk.wait(9.999)
    assert desk.code == "LIVE"
    desk.wait(2.001)
    assert (desk.code, desk.evaluation.lead.cause.reason) == ("MACHINE_UNKNOWN", "STALE_REPORT")


def test_an_unknown_market_counts_as_live_and_the_message_says_so(desk) -> None:
    desk.say_all(feed="STALE")
    desk.say("market", "UNKNOWN", "OUT_OF_CALENDAR", message="The calendar ends with 2026")
    assert desk.code == "FEED_STALE"
    assert "The calendar ends with 2026" in desk.evaluation.lead.message


def test_suppression_stays_within_the_group(make_desk) -> None:
    machines = (
        Machine(name="market", kind="market", role="market"),
        Machine(name="auth-a", kind="x", role="auth", group="a"),
        Machine(name="feed-a", kind="x", role="feed", group="a"),
        Machine(name="auth-b", kind="x", role="auth", group="b"),
        Machine(name="feed-b", kind="x", role="feed", group="b"),
    )
    desk = make_desk(machines=machines)
    desk.say("market", "LIVE")
    desk.say("auth-a", "EXPIRED")
    desk.say("auth-b", "VALID")
    desk.say("feed-a", "STALE")
    desk.say("feed-b", "STALE")
    found = {(p.rule.id, p.group): p.phase for p in desk.evaluation.problems}
    assert found == {
        ("auth-required", "a"): "active",
        ("feed-stale", "a"): "suppressed",
        ("feed-stale", "b"): "active",
    }


def test_a_market_of_a_groups_own_decides_for_that_group(make_desk) -> None:
    machines = (
        Machine(name="market", kind="market", role="market"),
        Machine(name="mcx", kind="market", role="market", group="metals"),
        Machine(name="feed", kind="x", role="feed"),
        Machine(name="metals-feed", kind="x", role="feed", group="metals"),
    )
    desk = make_desk(machines=machines)
    desk.say("market", "CLOSED", "AFTER_HOURS")
    desk.say("mcx", "LIVE", "SESSION")
    desk.say("feed", "STALE")
    desk.say("metals-feed", "STALE")
    assert [(p.rule.id, p.group) for p in desk.evaluation.problems] == [("feed-stale", "metals")]
    desk.say("metals-feed", "CONNECTED")
    desk.wait(2)
    assert desk.code == "CLOSED"


def test_a_table_without_a_word_for_the_session_says_so(make_desk) -> None:
    rule = RuleTable.model_validate(
        {"id": "only", "code": "ONLY", "when": {"feed": "STALE"}, "severity": "warning"}
    )
    desk = make_desk(rules=[as_rule(rule)])
    desk.say_all()
    assert (desk.code, desk.evaluation.lead.severity) == ("UNKNOWN", Severity.UNKNOWN)


def test_a_due_change_has_the_machine_asked_once(desk) -> None:
    desk.say_all()
    desk.say("market", "PRE_OPEN", next_change_at=desk.now + timedelta(seconds=60))
    assert desk.evaluation.next_at == desk.now + timedelta(seconds=60)
    desk.wait(60)
    assert desk.evaluation.ask == {"market"}
    desk.say("market", "LIVE")
    assert desk.evaluation.ask == frozenset()


def test_a_second_evaluation_at_the_same_instant_changes_nothing(desk) -> None:
    desk.say_all(auth="EXPIRED", feed="STALE")
    again = evaluate(desk.ruleset, desk.statuses, desk.memory, desk.now)
    assert again == desk.evaluation


@pytest.mark.parametrize(
    ("left", "phase"),
    [
        pytest.param(46.0, None, id="a day before"),
        pytest.param(45.0, "active", id="on the day"),
        pytest.param(-1.0, "active", id="after the end"),
    ],
)
def test_a_calendar_that_ends_soon_is_listed_and_does_not_lead(desk, left, phase) -> None:
    desk.say_all()
    desk.say("market", "LIVE", "SESSION", measures={"calendar_left_days": left})
    assert (desk.code, desk.phase("calendar-ends")) == ("LIVE", phase)


def test_a_measure_that_is_not_there_is_within_no_bound(desk) -> None:
    desk.say_all()
    assert desk.phase("calendar-doubtful") is None


def test_a_measure_that_an_unknown_machine_does_not_show_ends_nothing(desk) -> None:
    desk.say_all()
    desk.say("auth", "VALID", measures={"clock_offset_ms": 2000.0})
    desk.wait(60)
    desk.say("auth", "UNKNOWN", "PLUGIN_ERROR", message="it cannot be built")
    desk.wait(60)
    assert desk.phase("clock-ahead") == "active"
    [problem] = [one for one in desk.evaluation.problems if one.rule.id == "clock-ahead"]
    assert problem.message.endswith("synchronize it (auth cannot be seen: it cannot be built)")
    assert desk.phase("broker-unreachable") is None, "nor does it begin anything"
    desk.say("auth", "VALID", measures={"clock_offset_ms": 1999.0})
    assert desk.phase("clock-ahead") is None


@pytest.mark.parametrize(
    ("own", "said"),
    [
        pytest.param("Too late", "Too late (auth cannot be seen: it hangs)", id="its own words"),
        pytest.param("Too late: {message}", "Too late (auth cannot be seen: it hangs)", id="both"),
        pytest.param("{message}", "auth cannot be seen: it hangs", id="the machine's alone"),
    ],
)
def test_the_words_of_a_problem_say_that_its_machine_cannot_be_seen(make_desk, own, said) -> None:
    table = {"id": "own", "code": "OWN", "when": {"auth": ["EXPIRED"]}, "severity": "critical"}
    desk = make_desk(rules=[as_rule(RuleTable.model_validate({**table, "message": own}))])
    desk.say_all(auth="EXPIRED")
    desk.wait(1)
    desk.say("auth", "UNKNOWN", "PROBE_TIMEOUT", message="it hangs")
    assert [one.message for one in desk.evaluation.problems] == [said]


def test_a_problem_that_cannot_be_decided_is_about_the_machine_that_cannot_be_seen(make_desk) -> None:
    other = replace(FEED, name="backup")
    desk = make_desk(machines=(MARKET, AUTH, FEED, other))
    desk.say_all()
    desk.say("backup", "STALE", message="no ticks")
    desk.wait(60)
    desk.say("backup", "UNKNOWN", "PLUGIN_ERROR", message="it cannot be built")
    [problem] = [one for one in desk.evaluation.problems if one.rule.id == "feed-stale"]
    assert (problem.cause.machine.name, problem.message) == ("backup", "it cannot be built")


@pytest.mark.parametrize(
    ("measures", "code"),
    [
        pytest.param({"unanswered_s": 119.9}, "LIVE", id="away for a moment"),
        pytest.param({"unanswered_s": 120.0}, "BROKER_UNREACHABLE", id="away for long"),
        pytest.param({"clock_offset_ms": 1999.0}, "LIVE", id="a little ahead"),
        pytest.param({"clock_offset_ms": 2000.0}, "CLOCK_OFFSET", id="ahead"),
        pytest.param({"clock_offset_ms": -1999.0}, "LIVE", id="a little behind"),
        pytest.param({"clock_offset_ms": -2000.0}, "CLOCK_OFFSET", id="behind"),
    ],
)
def test_a_silent_broker_and_a_wrong_clock_are_problems_of_their_own(desk, measures, code) -> None:
    desk.say_all()
    desk.say("auth", "VALID", measures=measures)
    assert desk.code == code
    assert desk.evaluation.lead.severity == ("ok" if code == "LIVE" else "warning")


def test_a_silent_broker_is_no_alarm_by_night_nor_before_a_feed_that_is_down(desk) -> None:
    desk.say_all(market="CLOSED")
    desk.say("auth", "VALID", measures={"unanswered_s": 600.0})
    assert (desk.code, desk.evaluation.lead.severity) == ("BROKER_UNREACHABLE", "info")
    desk.say("market", "LIVE", "SESSION")
    desk.say("feed", "STALE")
    assert desk.code == "FEED_STALE"
