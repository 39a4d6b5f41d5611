"""Pure: what plugins offered when they were last here, for those that are named and are not here now.

Without it the machines of a plugin that is kept out would have no role, and its rules would be gone: what
they had found would seem to be over, and a desk that waits for them would seem ready.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.config.binding import bound, table_of
from agent.config.blueprint import Blueprint, MachinePlan
from agent.config.rule_table import as_rule
from agent.config.schema import RuleTable
from agent.registry import OfferedRule, Registry

KEY = "core:offers"
"""Where the journal has it, so that it goes with the desk to another agent."""

Offers = Mapping[str, Mapping[str, Any]]
"""By plugin: its `kinds`, by name, and its `rules` with their places."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the absent plugins offered; `kinds` have their role, states and reasons."""

    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: tuple[OfferedRule, ...] = ()


def remember(registry: Registry, former: str | None) -> str:
    """The text to keep: what is offered now, and of absent plugins what `former` has."""
    known = _read(former)
    kept = {name: known[name] for name in _absent(registry) if name in known}
    for name in sorted(_present(registry)):
        kept[name] = {
            "kinds": {
                str(one.kind): {
                    "role": str(one.role),
                    "states": sorted(one.states),
                    "reasons": sorted(one.reasons),
                }
                for one in registry.machines.values()
                if one.plugin == name
            },
            "rules": [
                [_written(offer.rule), _named(offer.before), _named(offer.after)]
                for offer in registry.rules
                if offer.plugin == name
            ],
        }
    return json.dumps(kept, sort_keys=True)


def recall(blueprint: Blueprint, text: str | None) -> Blueprint:
    """The blueprint as its absent plugins would have it, but for what only they can build."""
    recalled = _recalled(blueprint.registry, _read(text))
    machines = tuple(_with_kind(plan, recalled.kinds) for plan in blueprint.machines)
    if machines == blueprint.machines and not recalled.rules:
        return blueprint
    table = table_of(blueprint.settings, [*blueprint.registry.rules, *recalled.rules])
    rules, ruleset = bound(blueprint.settings, table, [plan.machine for plan in machines])
    return replace(blueprint, machines=machines, rules=rules, ruleset=ruleset)


def _with_kind(plan: MachinePlan, kinds: Mapping[str, Mapping[str, Any]]) -> MachinePlan:
    known = kinds.get(plan.machine.kind)
    if plan.kind is not None or known is None:
        return plan
    machine = replace(
        plan.machine,
        role=known["role"],
        states=frozenset(known["states"]),
        reasons=frozenset(known["reasons"]),
    )
    return replace(plan, machine=machine)


def _recalled(registry: Registry, known: Offers) -> Recalled:
    absent = [known[name] for name in _absent(registry) if name in known]
    kinds: dict[str, Mapping[str, Any]] = {}
    for offers in absent:
        kinds |= offers["kinds"]
    rules = (OfferedRule(*offer) for offers in absent for offer in offers["rules"])
    return Recalled(kinds, tuple(offer for offer in rules if _is_rule(offer.rule)))


def _present(registry: Registry) -> Iterable[str]:
    return (name for name, listed in registry.plugins.items() if listed.state == "loaded")


def _absent(registry: Registry) -> Iterable[str]:
    return (name for name, listed in registry.plugins.items() if listed.state == "failed")


def _read(text: str | None) -> Offers:
    try:
        found: Offers = json.loads(text) if text is not None else {}
    except ValueError:
        return {}
    return found


def _written(rule: Mapping[str, object]) -> Mapping[str, Any]:
    table = RuleTable.model_validate(rule)
    return table.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _named(anchor: object) -> str | None:
    """A rule's place, of whatever class the plugin gave it."""
    return None if anchor is None else str(anchor)


def _is_rule(rule: Mapping[str, object]) -> bool:
    """Another version may have known other keys, and other actions."""
    try:
        as_rule(RuleTable.model_validate(rule))
    except (ValueError, LookupError):
        return False
    return True
