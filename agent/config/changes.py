"""Pure: what differs between the configuration that runs and a new one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from agent.config.blueprint import Blueprint, MachinePlan, NotifierPlan
from agent.config.schema import AgentSettings

P = TypeVar("P")

FIXED = ("name", "environment", "data", "server", "simulator", "telemetry")
"""What a running agent cannot take up: it has its address, its folder and its name."""

FIXED_KEYS = {"store": ("url", "desk", "takeover")}
"""The same, of tables of which the rest is taken up."""

BY_NAME = ("machines", "notifiers", "credentials")
TABLES = tuple(name for name in AgentSettings.model_fields if name not in (*FIXED, *BY_NAME))
"""What is read anew as a whole; the problems that stay keep their ages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Names of machines, of notifiers or of credentials. `adjusted` ones need not be built anew."""

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    rebuilt: frozenset[str] = frozenset()
    adjusted: frozenset[str] = frozenset()

    @property
    def new(self) -> frozenset[str]:
        """Those to build."""
        return self.added | self.rebuilt

    @property
    def gone(self) -> frozenset[str]:
        """Those to end."""
        return self.removed | self.rebuilt

    def words(self, what: str) -> Iterator[str]:
        for verb in ("added", "removed", "rebuilt", "adjusted"):
            if names := getattr(self, verb):
                yield f"{what} {', '.join(sorted(names))} {verb}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """All of it; `waiting` are the keys that only the next start takes up."""

    machines: Parts = Parts()
    notifiers: Parts = Parts()
    credentials: Parts = Parts()
    tables: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    def rebuilding(self, machines: frozenset[str]) -> Changes:
        """The same, with further machines to build anew, of those that stay."""
        more = machines - self.machines.removed
        parts = replace(
            self.machines, rebuilt=self.machines.rebuilt | more, adjusted=self.machines.adjusted - more
        )
        return replace(self, machines=parts)

    @property
    def words(self) -> str:
        """What has changed, in one line."""
        parts = [
            *self.machines.words("machine"),
            *self.notifiers.words("notifier"),
            *self.credentials.words("credential"),
            *([f"{', '.join(self.tables)} changed"] if self.tables else []),
            *([f"the next start takes up {', '.join(self.waiting)}"] if self.waiting else []),
        ]
        return "; ".join(parts) or "nothing has changed"


def compare(before: Blueprint, after: Blueprint) -> Changes:
    """What it takes to come from `before`, which runs, to `after`."""
    old, new = before.settings, after.settings
    return Changes(
        machines=_parts(_machines(before), _machines(after), _is_another_machine, _is_adjusted_machine),
        notifiers=_parts(
            _notifiers(before),
            _notifiers(after),
            _is_another_notifier,
            lambda a, b: a.timeout != b.timeout,
        ),
        credentials=_parts(old.credentials, new.credentials, lambda a, b: a != b),
        tables=tuple(name for name in TABLES if getattr(old, name) != _settled(old, new, name)),
        waiting=tuple(_waiting(old, new)),
    )


def settle(before: Blueprint, after: Blueprint) -> Blueprint:
    """The new configuration as it will run: what cannot be taken up stays as it is."""
    fixed = {name: getattr(before.settings, name) for name in FIXED}
    parted = {name: _settled(before.settings, after.settings, name) for name in FIXED_KEYS}
    return replace(after, settings=after.settings.model_copy(update=fixed | parted))


def _settled(old: AgentSettings, new: AgentSettings, name: str) -> Any:
    """A table as it will run."""
    before, after = getattr(old, name), getattr(new, name)
    fixed = {key: getattr(before, key) for key in FIXED_KEYS.get(name, ())}
    return after.model_copy(update=fixed) if fixed else after


def _parts(
    before: Mapping[str, P],
    after: Mapping[str, P],
    is_another: Callable[[P, P], bool],
    is_adjusted: Callable[[P, P], bool] = lambda before, after: False,
) -> Parts:
    both = before.keys() & after.keys()
    rebuilt = frozenset(name for name in both if is_another(before[name], after[name]))
    return Parts(
        added=frozenset(after.keys() - before.keys()),
        removed=frozenset(before.keys() - after.keys()),
        rebuilt=rebuilt,
        adjusted=frozenset(name for name in both - rebuilt if is_adjusted(before[name], after[name])),
    )


def _machines(blueprint: Blueprint) -> dict[str, MachinePlan]:
    return {plan.machine.name: plan for plan in blueprint.machines}


def _notifiers(blueprint: Blueprint) -> dict[str, NotifierPlan]:
    return {plan.name: plan for plan in blueprint.notifiers}


def _is_another_machine(before: MachinePlan, after: MachinePlan) -> bool:
    return before.machine != after.machine or _is_other(before.settings, after.settings)


def _is_adjusted_machine(before: MachinePlan, after: MachinePlan) -> bool:
    return (before.every, before.timeout, before.expect) != (after.every, after.timeout, after.expect)


def _is_another_notifier(before: NotifierPlan, after: NotifierPlan) -> bool:
    return before.kind_name != after.kind_name or _is_other(before.settings, after.settings)


def _is_other(before: BaseModel | None, after: BaseModel | None) -> bool:
    """By their values: a plugin's model may have been made anew with the plugin."""
    if before is None or after is None:
        return before is not after
    return before.model_dump() != after.model_dump()


def _waiting(old: AgentSettings, new: AgentSettings) -> Iterator[str]:
    """`server.port`, say, rather than the whole table."""
    for name, keys in FIXED_KEYS.items():
        before, after = getattr(old, name), getattr(new, name)
        yield from (f"{name}.{key}" for key in keys if getattr(before, key) != getattr(after, key))
    for name in FIXED:
        before, after = getattr(old, name), getattr(new, name)
        if not (isinstance(before, BaseModel) and isinstance(after, BaseModel)):
            if before != after:
                yield name
            continue
        for key in type(before).model_fields:
            if getattr(before, key) != getattr(after, key):
                yield f"{name}.{key}"
