"""How the plugins behave: what is set aside, who held up the loop, who floods, who leaves tasks behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf

from agent.clock import Clock
from agent.runtime.mounting import Mounted
from agent.runtime.quarantining import Quarantine
from agent.runtime.stalls import Stall

SHOWN_S = 60.0
"""A stall is a trouble for so long after it."""

TASKS_LIMIT = 200
"""More tasks of one machine's own than this are a trouble."""


@dataclass(frozen=True, slots=True)
class _Seen:
    stall: Stall
    at_s: float


class Conduct:
    """Gathers it from the machines and observers. `changed` hears of each edge."""

    def __init__(self, clock: Clock, tasks: Mapping[str, int], clean: Callable[[str], str]) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._clock = clock
        self._tasks = tasks
        self._clean = clean
        self._machines: Mapping[str, Mounted] = {}
        self._watched: list[Quarantine] = []
        self._lasting: list[Quarantine] = []
        self._seen: _Seen | None = None
        self._stalls = 0
        self._began_s = inf

    def begin(self) -> None:
        """From now on there is something to hold up; what took long before was the start, and is logged."""
        self._began_s = self._clock.monotonic()

    def watch(self, machines: Mapping[str, Mounted], quarantines: Iterable[Quarantine]) -> None:
        """From now on, look at these, in place of the former ones."""
        self._machines = machines
        self._watched = [self._listen(one) for one in quarantines]

    def add(self, quarantines: Iterable[Quarantine]) -> None:
        """And always at these."""
        self._lasting += [self._listen(one) for one in quarantines]

    @property
    def _quarantines(self) -> list[Quarantine]:
        return [*self._watched, *self._lasting]

    def _listen(self, one: Quarantine) -> Quarantine:
        one.changed = self._tell
        return one

    def _tell(self) -> None:
        self.changed()

    def stalled(self, stall: Stall) -> None:
        """The loop was held up. A probe of the plugin's that is under way answers for it."""
        if stall.found_s < self._began_s:
            return
        self._stalls += 1
        self._seen = _Seen(stall, self._clock.monotonic())
        for one in self._machines.values():
            if one.plugin == stall.plugin and one.prober is not None:
                one.prober.blame(f"it {stall}")
        self.changed()

    @property
    def quarantined(self) -> set[str]:
        """The plugins of which a part is set aside."""
        return {one.plugin for one in self._quarantines if one.is_quarantined and one.plugin is not None}

    def troubles(self) -> dict[str, str]:
        """What is wrong with each plugin, in one line; those that are well are not in it."""
        found: dict[str, list[str]] = {}
        for one in self._quarantines:
            if one.trouble is not None and one.plugin is not None:
                found.setdefault(one.plugin, []).append(self._clean(one.trouble))
        stall = self._recent_stall()
        if stall is not None and stall.plugin is not None:
            found.setdefault(stall.plugin, []).append(str(stall))
        for name, machine in self._machines.items():
            tasks = self._tasks.get(name, 0)
            if tasks > TASKS_LIMIT and machine.plugin is not None:
                found.setdefault(machine.plugin, []).append(f"{name} has {tasks} tasks of its own running")
        return {plugin: "; ".join(words) for plugin, words in found.items()}

    def held_up(self) -> str | None:
        """A recent stall in which no plugin was found at work."""
        stall = self._recent_stall()
        return str(stall) if stall is not None and stall.plugin is None else None

    def measures(self) -> dict[str, float]:
        merged = sum(
            one.context.reports.merged + one.context.wishes.merged for one in self._machines.values()
        )
        held = [one.prober.counts.held for one in self._machines.values() if one.prober is not None]
        latest = self._seen.stall.lasted_s * 1000 if self._seen is not None else 0.0
        return {
            "loop_stalls": float(self._stalls),
            "loop_stall_latest_ms": round(latest, 1),
            "pushes_merged": float(merged),
            "probes_held": float(sum(held)),
            "plugin_tasks": float(sum(self._tasks.values())),
        }

    def _recent_stall(self) -> Stall | None:
        seen = self._seen
        recent = seen is not None and self._clock.monotonic() - seen.at_s < SHOWN_S
        return seen.stall if seen is not None and recent else None
