"""What the agent knows of its own parts, gathered in one place and told in two forms."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Set
from datetime import datetime, timedelta

from agent import __version__
from agent.delivery.sender import Sender
from agent.errors import StoreError
from agent.health import self_check
from agent.health.document import AgentPart, NotifierPart, PluginPart
from agent.model import Report
from agent.registry import Installed, Registry
from agent.runtime.conduct import Conduct
from agent.runtime.deadman import DeadMan
from agent.runtime.footing import Footing
from agent.runtime.probing import Prober

log = logging.getLogger(__name__)


class Wellbeing:
    """Keeps the troubles of plugins, notifiers, the store and the loop; `changed` hears of each edge."""

    def __init__(self, name: str, registry: Registry, started_at: datetime, conduct: Conduct) -> None:
        self._name = name
        self._registry = registry
        self._started_at = started_at
        self._conduct = conduct
        self._unbuilt: dict[str, str] = {}
        self._unbuilt_notifiers: dict[str, NotifierPart] = {}
        self._store_error: str | None = None
        self._loss: str | None = None
        self._configuration_error: str | None = None
        self.waiting: tuple[str, ...] = ()
        """The keys of the configuration that only the next start of the process takes up."""
        self.loop_lag_ms = 0.0
        self.senders: Mapping[str, Sender] = {}
        self.probers: list[Prober] = []
        self.credential_troubles: Callable[[], Mapping[str, str]] = dict
        self.deadman: DeadMan | None = None
        self.footing: Footing | None = None
        self._steps, self._latest_step_s = 0, 0.0
        self._suspends = 0
        self.journal_loss: Callable[[], str | None] = lambda: None
        self.sharing_trouble: Callable[[], str | None] = lambda: None
        self.clock_trouble: Callable[[], str | None] = lambda: None
        self.journal_bytes: Callable[[], int] = lambda: 0
        self.changed: Callable[[], None] = lambda: None

    @property
    def is_storing(self) -> bool:
        return self._store_error is None

    def lagged(self, loop_lag_ms: float) -> None:
        """How late the loop came to its latest turn."""
        self.loop_lag_ms = loop_lag_ms

    def clock_jumped(self, set_by: timedelta, slept: timedelta) -> None:
        """The wall clock was set, or the machine suspended, or both."""
        self._suspends += bool(slept)
        if set_by:
            self._steps += 1
            self._latest_step_s = set_by.total_seconds()

    def plugin_failed(self, plugin: str | None, error: str) -> None:
        """A machine of a loaded plugin cannot be built."""
        if plugin is not None:
            self._unbuilt[plugin] = error
        self.changed()

    def notifier_unbuilt(self, name: str, kind: str, error: str) -> None:
        self._unbuilt_notifiers[name] = NotifierPart(name=name, kind=kind, state="failing", error=error)

    def configured(
        self, registry: Registry, *, rebuilt: Collection[str] = (), waiting: tuple[str, ...] = ()
    ) -> None:
        """A new configuration is in force; the plugins of `rebuilt` machines begin with a clean slate."""
        self._registry = registry
        self._configuration_error = None
        self.waiting = waiting
        for plugin in rebuilt:
            self._unbuilt.pop(plugin, None)

    def misconfigured(self, error: str) -> None:
        """A new configuration cannot be used, and the former one stays in force."""
        self._configuration_error = error
        self.changed()

    def notifier_built(self, name: str) -> None:
        """It is there, or not wanted any more."""
        self._unbuilt_notifiers.pop(name, None)

    def stored(self, error: StoreError | None) -> None:
        """How the latest write to the journal went."""
        before, self._store_error = self._store_error, str(error) if error is not None else None
        loss, self._loss = self._loss, self.journal_loss()
        if before is None and error is not None:
            log.error("the journal cannot be written: %s", error)
        elif before is not None and error is None:
            log.info("the journal can be written again")
        if (before is None, loss) != (error is None, self._loss):
            self.changed()

    def trouble(self) -> str | None:
        """Why nobody should be told from outside that all is well; nothing while it is."""
        failing = [name for name, sender in self.senders.items() if sender.is_failing]
        failing += self._unbuilt_notifiers
        if self._store_error is not None:
            return f"the journal cannot be written: {self._store_error}"
        return f"notifiers fail: {', '.join(failing)}" if failing else None

    def describe(self) -> AgentPart:
        """The agent's part of the document."""
        return AgentPart(
            name=self._name,
            version=__version__,
            started_at=self._started_at,
            loop_lag_ms=round(self.loop_lag_ms, 1),
            plugins=self._plugins(),
            notifiers=[
                *(sender.describe() for sender in self.senders.values()),
                *self._unbuilt_notifiers.values(),
            ],
        )

    def _plugins(self) -> list[PluginPart]:
        errors = self._unbuilt | self._conduct.troubles()
        quarantined = self._conduct.quarantined
        return [
            PluginPart(
                name=one.name,
                state=_state(one, errors, quarantined),
                origin=one.origin,
                version=one.version,
                error=errors.get(one.name, one.error),
            )
            for one in self._registry.plugins.values()
        ]

    def report(self, now: datetime) -> Report:
        """The report of the machine `agent`."""
        part = self.describe()
        facts = self_check.Facts(
            network_error=self.footing.network_error if self.footing is not None else None,
            room=self.footing.room if self.footing is not None else None,
            store_error=self._store_error or self.journal_loss(),
            sharing_error=self.sharing_trouble(),
            clock_error=self.clock_trouble(),
            configuration_error=self._configuration_error,
            waiting=self.waiting,
            plugin_errors={one.name: one.error for one in part.plugins if one.error},
            notifier_errors={one.name: one.error or "" for one in part.notifiers if one.state == "failing"},
            notifier_remarks={s.name: s.remark for s in self.senders.values() if s.remark is not None},
            credential_troubles=self.credential_troubles(),
            loop_lag_ms=self.loop_lag_ms,
            deadman_error=self.deadman.error if self.deadman is not None else None,
            held_up=self._conduct.held_up(),
        )
        return self_check.self_report(facts, self._measures(), now)

    def _measures(self) -> dict[str, float]:
        counts = [prober.counts for prober in self.probers]
        return {
            **self._standing(),
            "loop_lag_ms": round(self.loop_lag_ms, 1),
            "journal_bytes": float(self.journal_bytes()),
            "probes": float(sum(one.runs for one in counts)),
            "probes_merged": float(sum(one.merged for one in counts)),
            "probes_failed": float(sum(one.failed for one in counts)),
            **self._conduct.measures(),
        }

    def _standing(self) -> dict[str, float]:
        """Of the clock, the disk and the network; what is not known is not there."""
        found = {"clock_steps": float(self._steps), "suspends": float(self._suspends)}
        if self._steps:
            found["clock_step_s"] = round(self._latest_step_s, 3)
        footing = self.footing
        if footing is not None and footing.room is not None:
            found["disk_free_bytes"] = float(footing.room.free)
        if footing is not None and footing.offline_s is not None:
            found["offline_s"] = round(footing.offline_s, 1)
        return found


def _state(plugin: Installed, errors: Mapping[str, str], quarantined: Set[str]) -> str:
    if plugin.name in quarantined:
        return "quarantined"
    return "failing" if plugin.name in errors else plugin.state
