"""The agent's report of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.health.self_check import MACHINE, Facts, Room, self_report

MIB, TIB = 1024**2, 1024**4
NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("facts", "state", "reason", "word"),
    [
        pytest.param(Facts(), "WELL", "NOMINAL", "well", id="well"),
        pytest.param(Facts(network_error="no route"), "DEGRADED", "NETWORK", "no route", id="network"),
        pytest.param(
            Facts(network_error="no route", store_error="full", notifier_errors={"s": "x"}),
            "DEGRADED",
            "NETWORK",
            "notifier s: x",
            id="network explains others",
        ),
        pytest.param(Facts(room=Room(free=256 * MIB, whole=TIB)), "WELL", "NOMINAL", "well", id="room"),
        pytest.param(
            Facts(room=Room(free=256 * MIB - 1, whole=TIB)), "DEGRADED", "DISK", "255 MiB", id="little room"
        ),
        pytest.param(Facts(room=Room(free=20, whole=1000)), "WELL", "NOMINAL", "well", id="a small disk"),
        pytest.param(
            Facts(room=Room(free=19, whole=1000)), "DEGRADED", "DISK", "nearly full", id="a small disk, full"
        ),
        pytest.param(Facts(clock_error="3m ahead"), "DEGRADED", "CLOCK", "3m ahead", id="clock"),
        pytest.param(Facts(store_error="the disk is full"), "DEGRADED", "STORE", "disk", id="store"),
        pytest.param(
            Facts(configuration_error="agent.toml:7: x"),
            "DEGRADED",
            "CONFIGURATION",
            ":7: x",
            id="configuration",
        ),
        pytest.param(Facts(waiting=("data",)), "WELL", "NOMINAL", "next start takes up data", id="waiting"),
        pytest.param(Facts(plugin_errors={"x": "broken"}), "DEGRADED", "PLUGIN_ERROR", "x", id="plugin"),
        pytest.param(
            Facts(notifier_errors={"s": "503"}), "DEGRADED", "NOTIFIER_FAILING", "503", id="notifier"
        ),
        pytest.param(
            Facts(notifier_remarks={"s": "in other words"}),
            "DEGRADED",
            "NOTIFIER_IMPAIRED",
            "in other words",
            id="impaired notifier",
        ),
        pytest.param(
            Facts(credential_troubles={"kite": "unreadable"}),
            "DEGRADED",
            "CREDENTIAL",
            "kite",
            id="credential",
        ),
        pytest.param(Facts(loop_lag_ms=500.0), "WELL", "NOMINAL", "well", id="a little late"),
        pytest.param(Facts(loop_lag_ms=500.1), "DEGRADED", "LOOP_LAG", "held up", id="too late"),
    ],
)
def test_each_trouble_has_its_reason_and_words(facts, state, reason, word) -> None:
    report = self_report(facts, {}, NOON)
    assert (report.state, report.reason) == (state, reason)
    assert word in report.message
    assert report.state in MACHINE.states
    assert report.reason in MACHINE.reasons


def test_the_gravest_names_it_and_all_are_told() -> None:
    facts = Facts(store_error="full", plugin_errors={"x": "broken"}, notifier_errors={"s": "503"})
    report = self_report(facts, {}, NOON)
    assert report.reason == "STORE"
    for word in ("full", "broken", "503"):
        assert word in report.message
