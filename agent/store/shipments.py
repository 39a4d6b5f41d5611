"""Shipments: what was committed here, as it goes to a store that several agents share.

Each is written in the same transaction as the rows it tells of, and let go once the shared store has it.
Without that store they gather. Beyond `folding.MOST` of them, or a fifth of the journal's `max_size`, the
oldest are folded into one for many, which has the latest values and all incidents and letters, but no
transition and no deed. So a month without the shared store costs it the oldest edges of that month, and
nobody a notice; this journal has the edges all the same.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import dataclass

from agent.store.sheet import Row, Sheet

log = logging.getLogger(__name__)

TABLES = ("transition", "incident", "value", "awake", "deed", "outbox")
"""What is shared; reports are too many, and tell nothing that is not in the transitions."""

PRIVATE = ("credentials:", "web:", "login-links:", "sharing:")
"""How the keys of the values begin that are this folder's own."""

BATCH = 2**22
"""Bodies of so many characters are enough for one look."""

OLDEST = "SELECT run, seq, epoch, body FROM shipment ORDER BY seq LIMIT ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """The rows of one commit, decided under one ownership. `seq` orders those of a run, with gaps."""

    run: str
    seq: int
    epoch: int
    sheet: Sheet


def is_shared(key: str) -> bool:
    """Whether the value under a key is for all agents of a desk."""
    return not key.startswith(PRIVATE)


def pack(sheet: Sheet) -> str | None:
    """What of a sheet is shared, as JSON: the rows by table. `None` when nothing is."""
    body = {table: list(sheet.rows[table].values()) for table in TABLES if sheet.rows[table]}
    if "value" in body:
        body["value"] = [row for row in body["value"] if is_shared(str(row[0]))]
    body = {table: found for table, found in body.items() if found}
    return json.dumps(body, separators=(",", ":")) if body else None


def unpack(body: str) -> Sheet:
    """The sheet again. Raises `ValueError`, `TypeError` or `LookupError` for a text that is none."""
    sheet, read = Sheet(), json.loads(body)
    for table in TABLES:
        for row in read.get(table, ()):
            sheet.put(table, object() if table == "deed" else row[0], tuple(row))
    return sheet


def read(row: Row) -> Shipment:
    """A shipment from its row; an empty one where nobody can read it, so that it holds up no other."""
    run, seq, epoch, body = row
    try:
        sheet = unpack(str(body))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        log.error("shipment %s of run %s cannot be read (%s); it is given up", seq, run, error)  # noqa: TRY400
        sheet = Sheet()
    return Shipment(run=str(run), seq=int(str(seq)), epoch=int(str(epoch)), sheet=sheet)


def oldest(connection: sqlite3.Connection, limit: int) -> list[Shipment]:
    """Those that wait longest, at least one if any does, in their order."""
    found, characters = [], 0
    for row in connection.execute(OLDEST, (limit,)):
        found.append(read(row))
        characters += len(row[3])
        if characters >= BATCH:
            break
    return found
