"""Which machines keep a desk from being ready, and those of which nobody knows what they are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.health.fold import unprobed
from agent.health.readiness import blockers
from agent.health.rules import bind
from agent.model import Machine

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
UNKNOWN_KIND = Machine(name="strongroom", kind="cellar", role="strongroom")
VAULT = Machine(name="strongroom", kind="cellar", role="vault", states=frozenset({"WELL"}))
OTHER = Machine(name="other", kind="other", role="other", states=frozenset({"WELL"}))


@pytest.mark.parametrize(
    ("machines", "names"),
    [
        pytest.param([VAULT, OTHER], ["strongroom"], id="the role is there"),
        pytest.param([UNKNOWN_KIND, OTHER], ["strongroom"], id="nobody knows whether it is there"),
        pytest.param([VAULT, UNKNOWN_KIND], ["strongroom"], id="it is there, whatever else may be"),
        pytest.param([OTHER], [], id="the file may serve a desk without it"),
    ],
)
def test_a_wanted_role_that_may_be_a_machines_keeps_the_desk_from_being_ready(machines, names) -> None:
    ruleset = bind([], machines, session=None, readiness={"vault": ["WELL"]})
    statuses = {machine.name: unprobed(machine, NOW) for machine in machines}
    assert [one.status.machine.name for one in blockers(ruleset, statuses)] == names
