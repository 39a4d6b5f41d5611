"""An entry: what is written to the journal in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from agent.alerts.letters import Letter
from agent.errors import StoreError
from agent.model import Incident, Transition
from agent.store.keeping import Limits
from agent.store.rows import Deed, Received


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written in one transaction: edges, values that replace former ones, and letters."""

    transitions: tuple[Transition, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    incidents: tuple[Incident, ...] = ()
    reports: tuple[Received, ...] = ()
    letters: tuple[Letter, ...] = ()
    deeds: tuple[Deed, ...] = ()
    shipped: tuple[tuple[str, int], ...] = ()
    """Runs, and up to which of their shipments the shared store has them: those are let go."""
    inherited: bool = False
    """It comes from the shared store, and is not shipped there again."""
    epoch: int | None = None
    """Under which ownership it was decided; `None` for the journal's own when it is appended."""
    limits: Limits | None = None
    """What lies beyond them is forgotten, some time later and little by little."""
    written: Callable[[StoreError | None], None] | None = field(default=None, repr=False)
    """Called on the event loop once the entry is on disk, or with the error that keeps it off. What
    a bad disk keeps off is written later by itself, but for its reports, and not told again."""

    @property
    def instants(self) -> Iterator[datetime]:
        """When what it holds happened."""
        yield from (report.at for report in self.reports)
        yield from (edge.at for edge in self.transitions)
