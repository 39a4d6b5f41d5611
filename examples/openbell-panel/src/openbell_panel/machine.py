"""The machine: `DONE` when all is ticked, `OPEN` until then, and begun anew each day."""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints

from agent.api import ActionError, Context, Report, Settings

from .ticks import Ticks, day_of, end_of, from_text

KEPT = "ticks"
LONGEST_NAME = 60

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


class State(StrEnum):
    OPEN = "OPEN"
    DONE = "DONE"


class Reason(StrEnum):
    UNTICKED = "UNTICKED"
    TICKED = "TICKED"


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError('expected a time zone such as "Asia/Kolkata"') from None
    return name


class ChecklistSettings(Settings):
    """`[machines.NAME]` with `kind = "checklist"`; an item is a word for its address and a text."""

    items: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")], Line],
        Field(min_length=1, max_length=12),
    ]
    title: Line = "Before the bell"
    begins: time = time(6)
    zone: Annotated[str, AfterValidator(_check_zone)] = "Asia/Kolkata"


class Checklist:
    """A `StateMachine`; what is ticked is in the context's store, and outlives a restart."""

    def __init__(self, settings: ChecklistSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._zone = ZoneInfo(settings.zone)

    async def probe(self) -> Report:
        ticks, settings = self.ticks(), self._settings
        left = [text for item, text in settings.items.items() if item not in ticks.by]
        return Report(
            state=State.OPEN if left else State.DONE,
            reason=Reason.UNTICKED if left else Reason.TICKED,
            observed_at=self._context.clock.now(),
            next_change_at=end_of(ticks.day, settings.begins, self._zone),
            message=f"Not yet ticked: {', '.join(left)}" if left else "All is ticked",
            attributes={"day": ticks.day.isoformat(), "panel": self._panel(ticks)},
            measures={"unticked": float(len(left))},
        )

    def ticks(self) -> Ticks:
        """Those of the day that it is now."""
        day = day_of(self._context.clock.now(), self._settings.begins, self._zone)
        return from_text(self._context.store.get(KEPT), day).on(day)

    def tick(self, item: str, by: str) -> None:
        """Raises `ActionError` for what is not on the list."""
        self._keep(self.ticks().tick(self._known(item), by[:LONGEST_NAME]))

    def untick(self, item: str) -> None:
        """Raises `ActionError`, as above."""
        self._keep(self.ticks().untick(self._known(item)))

    def _keep(self, ticks: Ticks) -> None:
        self._context.store.put(KEPT, ticks.as_text())
        self._context.probe_soon()

    def _known(self, item: str) -> str:
        if item not in self._settings.items:
            raise ActionError(f"{item!r} is not on the list; there are: {', '.join(self._settings.items)}")
        return item

    def _panel(self, ticks: Ticks) -> dict[str, object]:
        """What the status page shows: the name of who ticked it, or that nobody has."""
        values = {text: ticks.by.get(item, False) for item, text in self._settings.items.items()}
        return {"title": self._settings.title, "values": values}
