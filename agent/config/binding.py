"""Binds a file's rules, and those that plugins offer, to the machines that there are."""

from __future__ import annotations

from collections.abc import Sequence

from agent.config import rule_table
from agent.config.schema import AgentSettings, RuleTable
from agent.fleet import lost
from agent.health import self_check
from agent.health.rules import MARKET, Flapping, Rule, Ruleset, bind
from agent.model import Machine
from agent.registry import OfferedRule

LOST_RULE = OfferedRule(lost.RULE, before=None, after=None)


def own_machines(settings: AgentSettings) -> tuple[Machine, ...]:
    """The core's: itself, and the other agents where there are some."""
    return (self_check.MACHINE, lost.MACHINE) if settings.store.url is not None else (self_check.MACHINE,)


def table_of(settings: AgentSettings, offered: Sequence[OfferedRule]) -> list[RuleTable]:
    """The whole table, without the deadlines."""
    own = list(settings.rule) or list(rule_table.default_table())
    shared = [LOST_RULE] if settings.store.url is not None else []
    return rule_table.place(own, [*offered, *shared])


def session_of(settings: AgentSettings, machines: Sequence[Machine]) -> str | None:
    """The machine that says how the session is: the one that is named, or the first market."""
    markets = (machine.name for machine in machines if machine.role == MARKET)
    return settings.session or next(markets, None)


def bound(
    settings: AgentSettings, table: Sequence[RuleTable], machines: Sequence[Machine]
) -> tuple[tuple[Rule, ...], Ruleset]:
    """The deadlines and the table as rules, and as they look at the machines and at the core's own."""
    deadlines = [rule for one in settings.deadline for rule in rule_table.as_deadline_rules(one)]
    rules = (*deadlines, *map(rule_table.as_rule, table))
    return rules, bind(
        rules,
        [*machines, *own_machines(settings)],
        session=session_of(settings, machines),
        readiness=settings.readiness.require,
        startup_grace=settings.startup_grace,
        flapping=Flapping(settings.flapping.changes, settings.flapping.within),
    )
