"""Shipments as they are put into the shared tables: whole stretches of one run and epoch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from agent.store.postgres.columns import TABLES, Cells, Table
from agent.store.sheet import Sheet
from agent.store.shipments import Shipment


@dataclass(frozen=True, slots=True)
class Parcel:
    """The rows of shipments of one epoch that follow each other, by table; of one key only the latest.

    `lost` says of those that no shared table can hold which table, and why.
    """

    epoch: int
    rows: dict[str, list[Cells]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def of(self, table: Table) -> Sequence[Cells]:
        return self.rows.get(table.name, ())


def parcels(shipments: Iterable[Shipment]) -> Iterator[Parcel]:
    """In the order of the shipments."""
    for (_, epoch), group in groupby(shipments, key=lambda one: (one.run, one.epoch)):
        parcel = Parcel(epoch)
        sheets = [one.sheet for one in group]
        for table in TABLES:
            parcel.rows[table.name] = _rows(table, sheets, parcel.lost)
        yield parcel


def _rows(table: Table, sheets: Iterable[Sheet], lost: list[str]) -> list[Cells]:
    found: dict[object, Cells] = {}
    for sheet in sheets:
        for row in sheet.rows.get(table.name, {}).values():
            try:
                cells = table.read(row)
            except ValueError as error:
                lost.append(f"{table.name}: {error}")
                continue
            key = cells[: table.keys] if table.keys else object()
            found.pop(key, None)
            found[key] = cells
    return list(found.values())
