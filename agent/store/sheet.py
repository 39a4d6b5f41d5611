"""A sheet: the rows that entries want in the file, each once, in an order in which they can be written.

Every row but a report has a key and replaces what the file has under it, so that a commit of
which nobody knows whether it came through is simply written again.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator

from agent.crashpoints import crashpoint
from agent.store import awake, outbox, rows
from agent.store.entry import Entry

Row = tuple[object, ...]

UPSERTS = {
    "report": rows.INSERT_REPORT,
    "transition": rows.INSERT_TRANSITION,
    "incident": rows.UPSERT_INCIDENT,
    "value": rows.UPSERT_VALUE,
    "awake": awake.UPSERT,
    "deed": rows.INSERT_DEED,
    "outbox": outbox.UPSERT,
    "shipment": rows.INSERT_SHIPMENT,
    "shipped": rows.FORGET_SHIPMENTS,
}
"""The statement of each table, in the order in which they are filled."""

DEEDS_KEPT = 100_000
"""The lines of the audit that are kept, the latest."""

SHIPMENTS_IN_MIND = 500
"""So many of the latest shipments are kept in mind, for a file that takes the place of a lost one."""

MOST = 10_000
"""No more rows of a table wait in memory for the disk; the oldest are given up."""


class Sheet:
    """Rows by table and key."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[object, Row]] = defaultdict(dict)

    def __bool__(self) -> bool:
        return any(self.rows.values())

    def put(self, table: str, key: object, row: Row) -> None:
        """A row takes the former one's place, and is now the latest."""
        self.rows[table].pop(key, None)
        self.rows[table][key] = row

    def lay_on(self, other: Sheet) -> None:
        """Take all rows of another sheet."""
        for table, found in other.rows.items():
            for key, row in found.items():
                self.put(table, key, row)

    def singles(self) -> Iterator[Sheet]:
        """Each row on a sheet of its own."""
        for table in UPSERTS:
            for key, row in self.rows[table].items():
                single = Sheet()
                single.put(table, key, row)
                yield single


def sheet_of(entry: Entry, next_number: Callable[[], int]) -> Sheet:
    """The rows of an entry; its transitions are numbered. Raises one of `troubles.FAULTS`."""
    sheet = Sheet()
    for received in entry.reports:
        sheet.put("report", object(), rows.report_row(received))
    for edge in entry.transitions:
        number = next_number()
        sheet.put("transition", number, (number, *rows.transition_row(edge)))
    for incident in entry.incidents:
        sheet.put("incident", incident.id, rows.incident_row(incident))
    for key, value in entry.values:
        sheet.put("value", key, (key, value))
    for deed in entry.deeds:
        sheet.put("deed", object(), rows.deed_row(deed))
    for letter in entry.letters:
        sheet.put("outbox", letter.id, outbox.row(letter))
    for run, seq in entry.shipped:
        sheet.put("shipped", run, (run, seq))
    return sheet


def defer(backlog: Sheet, missed: Sheet) -> None:
    """What a bad disk has missed waits, but for reports: those come anew."""
    missed.rows.pop("report", None)
    backlog.lay_on(missed)
    for found in backlog.rows.values():
        while len(found) > MOST:
            del found[next(iter(found))]


def follow(standing: Sheet, written: Sheet) -> None:
    """Keep in mind what a new file would have to begin with: values, what is open, what is to be shipped."""
    for key, row in written.rows["value"].items():
        standing.put("value", key, row)
    for table, is_open in (("incident", rows.is_open), ("outbox", outbox.is_open)):
        for key, row in written.rows[table].items():
            if is_open(row):
                standing.put(table, key, row)
            else:
                standing.rows[table].pop(key, None)
    _follow_shipments(standing.rows["shipment"], written)


def _follow_shipments(standing: dict[object, Row], written: Sheet) -> None:
    standing.update(written.rows["shipment"])
    for run, up_to in written.rows["shipped"].values():
        for key in [key for key, row in standing.items() if _is_shipped(row, run, up_to)]:
            del standing[key]
    while len(standing) > SHIPMENTS_IN_MIND:
        del standing[next(iter(standing))]


def _is_shipped(shipment: Row, run: object, up_to: object) -> bool:
    seq = shipment[1]
    return shipment[0] == run and isinstance(seq, int) and isinstance(up_to, int) and seq <= up_to


def commit(connection: sqlite3.Connection, sheet: Sheet) -> None:
    """Write a sheet in one transaction, synced when this returns."""
    if not sheet:
        return
    crashpoint("before-commit")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table, upsert in UPSERTS.items():
            if table == "outbox":
                crashpoint("half-written")
            if sheet.rows[table]:
                connection.executemany(upsert, sheet.rows[table].values())
        if sheet.rows["deed"]:
            connection.execute(rows.FORGET_DEEDS, (DEEDS_KEPT,))
        connection.execute("COMMIT")
        crashpoint("committed")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
