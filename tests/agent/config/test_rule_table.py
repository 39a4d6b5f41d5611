"""The rule table is checked at load, and plugins' rules are placed in it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from agent.config.rule_table import as_rule, check, default_table, notes, place
from agent.config.schema import RuleTable
from agent.health.rules import Limit, Match, bind
from agent.model import Machine, Severity
from agent.registry import OfferedRule

MACHINES = (
    Machine(
        name="market",
        kind="market",
        role="market",
        states=frozenset({"LIVE", "CLOSED"}),
        reasons=frozenset({"HOLIDAY"}),
    ),
    Machine(name="feed", kind="kite-feed", role="feed", states=frozenset({"STALE", "CONNECTED"})),
)


def rule(**more: object) -> RuleTable:
    values = {"id": "r", "code": "R", "when": {"feed": ["STALE"]}, "severity": "warning"} | more
    return RuleTable.model_validate(values)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param({"when": {"feed": ["STAEL"]}}, ["STAEL", "STALE"], id="a misspelt state"),
        pytest.param({"when": {"feed": ["!STAEL"]}}, ["STAEL", "STALE"], id="a misspelt state, not wanted"),
        pytest.param({"severity_in": {"HOLIDAYS": "info"}}, ["HOLIDAY"], id="a misspelt session"),
        pytest.param({"suppresses": ["other"]}, ["other"], id="suppresses no rule"),
        pytest.param({"suppresses": ["r"]}, ["itself"], id="suppresses itself"),
        pytest.param({"probe_first": ["auth"]}, ["auth"], id="asks nobody"),
        pytest.param({"action": "logon"}, ["logon", "login"], id="a misspelt action"),
    ],
)
def test_what_can_never_work_is_named_with_a_remedy(more, words) -> None:
    [(place_, text)] = check([rule(**more)], MACHINES, {})
    assert place_[:2] == ("rule", 0)
    for word in words:
        assert word in text


def test_a_circle_of_suppression_is_named() -> None:
    table = [rule(id="a", suppresses=["b"]), rule(id="b", suppresses=["a"])]
    assert [place_ for place_, _ in check(table, MACHINES, {})] == [
        ("rule", 0, "suppresses"),
        ("rule", 1, "suppresses"),
    ]


def test_an_id_given_twice_is_named() -> None:
    [(place_, text)] = check([rule(), rule()], MACHINES, {})
    assert (place_, "above" in text) == (("rule", 1, "id"), True)


def test_a_state_that_readiness_cannot_have_is_named() -> None:
    [(place_, text)] = check([], MACHINES, {"feed": ["TICKING"]})
    assert place_ == ("readiness", "require", "feed")
    assert "TICKING" in text


def test_a_rule_for_a_role_that_is_not_there_is_let_be() -> None:
    assert check([rule(when={"positions": ["OPEN"]})], MACHINES, {"auth": ["VALID"]}) == []


@pytest.mark.parametrize(
    ("offer", "ids"),
    [
        pytest.param({"before": "feed-stale"}, ["auth", "new", "feed-stale", "live"], id="before"),
        pytest.param({"after": "feed-stale"}, ["auth", "feed-stale", "new", "live"], id="after"),
        pytest.param({}, ["auth", "feed-stale", "new", "live"], id="ahead of the session"),
        pytest.param({"before": "gone"}, ["auth", "feed-stale", "new", "live"], id="beside a rule not there"),
    ],
)
def test_a_plugins_rule_is_placed(offer, ids) -> None:
    table = [rule(id="auth"), rule(id="feed-stale"), rule(id="live", severity="ok")]
    new = {"id": "new", "code": "N", "when": {"feed": "STALE"}, "severity": "warning"}
    offered = OfferedRule(new, offer.get("before"), offer.get("after"))
    assert [one.id for one in place(table, [offered])] == ids


def test_the_files_own_rule_wins_over_a_plugins() -> None:
    own = rule(id="same", severity="critical")
    offered = OfferedRule(
        {"id": "same", "code": "N", "when": {"feed": "STALE"}, "severity": "info"}, None, None
    )
    assert place([own], [offered]) == [own]


def test_the_shipped_file_spells_out_the_default_table() -> None:
    shipped = tomllib.loads((Path(__file__).parents[3] / "agent.toml").read_text())
    assert tuple(RuleTable.model_validate(one) for one in shipped["rule"]) == default_table()


def test_a_rule_is_coloured_by_its_severity_unless_it_says_otherwise() -> None:
    assert as_rule(rule(severity="critical")).color == "red"
    assert as_rule(rule(color="purple")).color == "purple"


def test_states_may_be_given_as_one_word() -> None:
    assert as_rule(rule(when={"feed": "STALE"})).when == (("feed", Match.of(["STALE"])),)


def test_the_default_table_puts_auth_before_feed_before_the_session() -> None:
    codes = [one.code for one in default_table()]
    assert codes == [
        "AUTH_REQUIRED", "FEED_DISCONNECTED", "FEED_STALE", "AGENT_DEGRADED", "MACHINE_UNKNOWN",
            "BROKER_UNREACHABLE", "CLOCK_OFFSET", "CLOCK_OFFSET", "AGENT_DEGRADED",
        "LIVE", "PRE_OPEN", "CLOSED", "CALENDAR_ENDS", "CALENDAR_DOUBTFUL",
    ]  # fmt: skip
    assert [one.severity for one in default_table()][-5:-2] == [Severity.OK] * 3


@pytest.mark.parametrize(
    ("bound", "limit"),
    [
        pytest.param("<= 45", Limit("days", "<=", 45.0), id="at most"),
        pytest.param("<45", Limit("days", "<", 45.0), id="below"),
        pytest.param(">= 0.5", Limit("days", ">=", 0.5), id="at least"),
        pytest.param("> -1", Limit("days", ">", -1.0), id="above"),
    ],
)
def test_a_bound_on_a_measure(bound, limit) -> None:
    assert as_rule(rule(measures={"days": bound})).limits == (limit,)


@pytest.mark.parametrize("bound", ["45", "== 45", "<= x", "<= 4 5", ""])
def test_a_bound_that_is_none_is_refused(bound) -> None:
    with pytest.raises(ValueError, match="measures"):
        rule(measures={"days": bound})


def test_a_rule_behind_the_session_is_noted_as_one_that_never_leads() -> None:
    rules = [as_rule(one) for one in default_table()]
    agent = Machine(name="agent", kind="agent", role="agent")
    found = notes(rules, bind(rules, [*MACHINES, agent], session="market"))
    assert [note.split()[1] for note in found if "behind the session" in note] == [
        "calendar-ends",
        "calendar-doubtful",
    ]
    assert "rule auth-required never holds: its roles (auth) are not all here" in found


def test_a_rule_ahead_of_the_session_is_nothing_to_note() -> None:
    rules = [as_rule(rule()), as_rule(rule(id="live", severity="ok", when={"market": "*"}))]
    assert notes(rules, bind(rules, MACHINES, session="market")) == []
