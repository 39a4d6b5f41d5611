"""What is to take the places of what: built in full before anything that runs is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from agent.config.blueprint import Blueprint
from agent.config.changes import Changes
from agent.errors import ConfigError, PluginError
from agent.runtime.context import Services
from agent.runtime.machines import Machines
from agent.runtime.mounting import Mounted
from agent.runtime.notifiers import Built, Notifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """The machines and notifiers that are new, or take another's place."""

    changes: Changes
    machines: Mapping[str, Mounted]
    machines_gone: frozenset[str]
    notifiers: Mapping[str, Built]

    @property
    def plugins(self) -> frozenset[str]:
        """The plugins whose machines begin anew."""
        return frozenset(one.plugin for one in self.machines.values() if one.plugin is not None)


def prepare(
    blueprint: Blueprint,
    changes: Changes,
    machines: Machines,
    notifiers: Notifiers,
    services: Services,
) -> Succession:
    """Build what the new configuration has and the present one has not, or otherwise.

    What could not be built so far is tried again, and may fail again. Raises `ConfigError` where
    anything else cannot be built.
    """
    names = {plan.machine.name for plan in blueprint.machines}
    gone = (changes.machines.gone | machines.unbuilt) & machines.mounted.keys()
    new = (changes.machines.new | gone) & names
    wanted = changes.notifiers.new | notifiers.unbuilt
    succession = Succession(
        changes=changes,
        machines=machines.stage((p for p in blueprint.machines if p.machine.name in new), services),
        machines_gone=gone,
        notifiers=notifiers.stage((p for p in blueprint.notifiers if p.name in wanted), services),
    )
    faults = [*_faults(blueprint, succession, machines.unbuilt)]
    if faults:
        raise ConfigError("\n".join(faults))
    return succession


def _faults(blueprint: Blueprint, succession: Succession, unbuilt: Collection[str]) -> Iterator[str]:
    for name, mounted in succession.machines.items():
        if mounted.error is not None and name not in unbuilt:
            yield f"{blueprint.place('machines', name)}: it cannot be built: {mounted.error}"
    for name, built in succession.notifiers.items():
        if isinstance(built, PluginError) and name in succession.changes.notifiers.new:
            yield f"{blueprint.place('notifiers', name)}: it cannot be built: {built}"
