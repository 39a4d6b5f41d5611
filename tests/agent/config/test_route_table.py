"""Routes are checked at load: who they lead to, and what they name."""

from __future__ import annotations

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from agent.alerts.routes import Escalation, QuietHours, Route
from agent.config.route_table import as_routes, check, notes
from agent.config.schema import RouteTable
from agent.model import Machine, Severity

MACHINES = (
    Machine(
        name="market",
        kind="market",
        role="market",
        states=frozenset({"LIVE", "CLOSED"}),
        reasons=frozenset({"HOLIDAY"}),
    ),
    Machine(name="feed", kind="kite-feed", role="feed", group="alpha"),
)


def table(**more: object) -> RouteTable:
    return RouteTable.model_validate({"to": ["chat"]} | more)


def complaints(*tables: RouteTable) -> list[tuple[tuple[str | int, ...], str]]:
    return list(check(tables, notifiers=["chat", "phone"], rules=["feed-stale"], machines=MACHINES))


@pytest.mark.parametrize(
    ("more", "key", "words"),
    [
        pytest.param({"to": ["caht"]}, ("to",), ["caht", "notifier", "chat"], id="no such notifier"),
        pytest.param({"rule": ["feed-stael"]}, ("rule",), ["rule", "feed-stale"], id="no such rule"),
        pytest.param({"group": ["beta"]}, ("group",), ["group", "alpha"], id="no such group"),
        pytest.param({"machine": ["feeds"]}, ("machine",), ["machine", "feed"], id="no such machine"),
        pytest.param({"session": ["LIFE"]}, ("session",), ["LIFE", "LIVE"], id="no such session"),
        pytest.param(
            {"escalate": {"after": "5m", "to": ["phnoe"]}},
            ("escalate", "to"),
            ["phnoe", "phone"],
            id="nobody to escalate to",
        ),
        pytest.param(
            {"escalate": {"after": "5m", "to": ["chat"]}},
            ("escalate", "to"),
            ["chat", "from the first"],
            id="somebody who knows already",
        ),
    ],
)
def test_what_leads_nowhere_is_named_with_a_remedy(more, key, words) -> None:
    [(place, text)] = complaints(table(), table(**more))
    assert place == ("route", 1, *key)
    assert all(word in text for word in words)


def test_what_is_right_is_not_complained_of() -> None:
    good = table(
        rule=["feed-stale"],
        group=["alpha"],
        machine=["feed"],
        session=["LIVE", "HOLIDAY"],
        escalate={"after": "5m", "to": ["phone"]},
    )
    assert complaints(good) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param({"to": []}, "to", id="to nobody"),
        pytest.param({"severity": "info"}, "severity", id="what is never told"),
        pytest.param({"repeat": "10s"}, "repeat", id="too often"),
        pytest.param({"settle": "1h"}, "settle", id="too late"),
        pytest.param(
            {"quiet": {"from": "22:00", "until": "07:00", "zone": "Asia/Kolkatta"}},
            "Asia/Kolkatta",
            id="zone",
        ),
        pytest.param(
            {"quiet": {"from": "22:00", "until": "22:00", "zone": "UTC"}}, "another end", id="no hours"
        ),
        pytest.param({"quiet": {"from": "22:00", "until": "07:00"}}, "zone", id="whose clock"),
        pytest.param({"escalate": {"to": ["phone"]}}, "after", id="escalation without a time"),
    ],
)
def test_what_makes_no_sense_is_refused(more, words) -> None:
    with pytest.raises(ValidationError, match=words):
        table(**more)


def test_a_route_comes_out_as_it_was_written() -> None:
    written = table(
        severity="critical",
        rule=["feed-stale"],
        repeat="30m",
        settle="2s",
        escalate={"after": "10m", "to": ["phone"]},
        quiet={"from": "22:00", "until": "07:00", "zone": "Asia/Kolkata"},
    )
    assert as_routes([written], ["chat", "phone"]) == (
        Route(
            to=frozenset({"chat"}),
            severity=Severity.CRITICAL,
            rules=frozenset({"feed-stale"}),
            repeat=timedelta(minutes=30),
            settle=timedelta(seconds=2),
            escalate=Escalation(after=timedelta(minutes=10), to=frozenset({"phone"})),
            quiet=QuietHours(begins=time(22), ends=time(7), zone=ZoneInfo("Asia/Kolkata")),
        ),
    )


def test_without_routes_all_are_told_of_everything() -> None:
    assert as_routes([], ["chat", "phone"]) == (Route(to=frozenset({"chat", "phone"})),)
    assert as_routes([], []) == ()


def test_a_notifier_that_no_route_names_is_noted() -> None:
    routes = as_routes([table(escalate={"after": "5m", "to": ["head"]})], ["chat", "head", "phone"])
    assert notes(routes, ["chat", "head", "phone"]) == ["notifier phone is never told: no route names it"]
