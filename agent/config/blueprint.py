"""What the agent is built from: the whole configuration, checked and bound to the plugins' kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel

from agent.alerts.remedies import Remedy
from agent.alerts.routes import Route
from agent.config.positions import Positions, place
from agent.config.schema import AgentSettings
from agent.health.rules import Rule, Ruleset
from agent.model import Expectation, Machine
from agent.registry import MachineKind, NotifierKind, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePlan:
    """One machine to build. `kind` and `settings` are `None` where its plugin could not be loaded."""

    machine: Machine
    kind: MachineKind | None
    settings: BaseModel | None
    every: timedelta
    timeout: timedelta
    expect: Mapping[str, Expectation]
    isolated: bool = False
    memory: int | None = None
    """The bytes of address space that its own process may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierPlan:
    """One notifier to build; `kind` and `settings` as for a machine."""

    name: str
    kind_name: str
    kind: NotifierKind | None
    settings: BaseModel | None
    timeout: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """The configuration as the agent runs it. `secrets` are all values that must never show.

    `fingerprint` is of the files as they were read.
    """

    path: Path
    settings: AgentSettings
    registry: Registry
    machines: tuple[MachinePlan, ...]
    notifiers: tuple[NotifierPlan, ...]
    rules: tuple[Rule, ...]
    ruleset: Ruleset
    remedies: tuple[Remedy, ...]
    routes: tuple[Route, ...]
    secrets: frozenset[str]
    warnings: tuple[str, ...]
    positions: Positions = field(default_factory=Positions, repr=False)
    fingerprint: str = ""

    def place(self, *key: str | int) -> str:
        """Where a key stands: `agent.toml:14: machines.feed.kind`."""
        return place(self.path, self.positions, key)

    @property
    def data_folder(self) -> Path:
        return (self.path.parent / self.settings.data).resolve()
