"""The document that readers rely on."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from agent.health.document import AgentPart, HealthDocument, compose, content


@pytest.fixture
def document(desk):
    agent = AgentPart(name="desk", version="1", started_at=desk.now)

    def build(revision: int = 1) -> HealthDocument:
        return compose(desk.ruleset, desk.evaluation, agent, revision=revision, now=desk.now)

    return build


def test_it_has_the_keys_of_the_contract(desk, document) -> None:
    desk.say_all(auth="EXPIRED", feed="STALE")
    read = json.loads(document().model_dump_json(by_alias=True))
    assert list(read) == [
        "schema", "status", "code", "severity", "message", "color", "since", "generated_at",
        "valid_until", "revision", "cause", "action", "market", "ready", "tradable", "blockers",
        "problems", "machines", "agent",
    ]  # fmt: skip
    assert set(read["machines"]["auth"]) == {
        "role", "group", "state", "reason", "message", "since", "observed_at", "valid_until",
        "next_change_at", "attributes", "measures",
    }  # fmt: skip
    assert (read["status"], read["code"], read["color"]) == ("fail", "AUTH_REQUIRED", "red")
    assert read["cause"] == {"rule": "auth-required", "group": "kite", "machine": "auth", "reason": "R"}
    assert read["action"] == {
        "kind": "login",
        "label": "Log in to the broker",
        "href": "/api/auth/login?machine=auth",
        "method": "GET",
    }
    assert [(p["code"], p["phase"], p["suppressed_by"]) for p in read["problems"]] == [
        ("AUTH_REQUIRED", "active", []),
        ("FEED_STALE", "suppressed", ["auth-required"]),
    ]


@pytest.mark.parametrize(
    ("states", "ready", "tradable", "blockers"),
    [
        pytest.param({}, True, True, [], id="all well in the session"),
        pytest.param({"market": "PRE_OPEN"}, True, False, [], id="ready before the bell"),
        pytest.param({"feed": "STALE"}, False, False, ["feed"], id="feed stale"),
        pytest.param({"auth": "EXPIRED", "feed": "UNKNOWN"}, False, False, ["auth", "feed"], id="two"),
        pytest.param({"market": "UNKNOWN"}, True, False, [], id="an unknown market never trades"),
    ],
)
def test_ready_and_tradable(desk, document, states, ready, tradable, blockers) -> None:
    desk.say_all(**states)
    found = document()
    assert (found.ready, found.tradable) == (ready, tradable)
    assert [b.machine for b in found.blockers] == blockers


def test_it_is_not_ready_while_it_starts(desk, document) -> None:
    assert (document().ready, document().tradable, document().status) == (False, False, "fail")


def test_it_is_to_be_trusted_for_half_a_minute(desk, document) -> None:
    assert document().valid_until - document().generated_at == timedelta(seconds=30)


def test_ages_and_measures_are_no_change_of_content_and_words_are(desk, document) -> None:
    desk.say_all()
    before = content(document(1))
    desk.wait(10)
    desk.say("feed", "CONNECTED", measures={"tick_age_s": 0.4})
    assert content(document(2)) == before
    desk.say("feed", "CONNECTED", message="One drop away")
    assert content(document(3)) != before


def test_severities_map_to_three_outcomes(desk, document) -> None:
    found = {}
    for market, reason in (("LIVE", "SESSION"), ("CLOSED", "AFTER_HOURS"), ("CLOSED", "HOLIDAY")):
        desk.say_all(auth="EXPIRED")
        desk.say("market", market, reason)
        found[document().severity] = document().status
    assert found == {"critical": "fail", "warning": "warn", "info": "pass"}


def test_the_agents_part_says_how_far_its_clock_is_off_and_that_alone_is_no_revision(desk, document) -> None:
    desk.say_all()
    before = document()
    assert before.agent.clock_offset_ms is None
    desk.say("auth", "VALID", measures={"clock_offset_ms": -900.0})
    desk.say("feed", "CONNECTED", measures={"clock_offset_ms": 200.0})
    assert document().agent.clock_offset_ms == -900.0
    assert content(document()) == content(before)
