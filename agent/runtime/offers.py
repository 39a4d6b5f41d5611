"""What plugins offer, kept for a time when one of them is not here."""

from __future__ import annotations

from agent.config.blueprint import Blueprint
from agent.config.recalling import KEY, recall, remember
from agent.store.door import Door
from agent.store.entry import Entry


class Offers:
    """Kept in the journal, so that they go with the desk to another agent."""

    def __init__(self, journal: Door) -> None:
        self._journal = journal

    def recall(self, blueprint: Blueprint) -> Blueprint:
        """The blueprint as plugins that are named and absent would have it."""
        return recall(blueprint, self._of(blueprint))

    def note(self, blueprint: Blueprint) -> None:
        """Keep what is offered by a blueprint that is in force from now on."""
        offers = self._of(blueprint)
        if offers != self._journal.value(KEY):
            self._journal.append(Entry(values=((KEY, offers),)))

    def _of(self, blueprint: Blueprint) -> str:
        return remember(blueprint.registry, self._journal.value(KEY))
