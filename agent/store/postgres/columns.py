"""The columns of the shared tables, in the order of the local rows, and how those are read. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.store import outbox

Cell = str | int | datetime | None
Cells = tuple[Cell, ...]

BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Column:
    """A name, and the type: what PostgreSQL calls it."""

    name: str
    type: str = "text"
    nullable: bool = False

    def read(self, value: object) -> Cell:
        """A local value. Raises `ValueError` for one that the column cannot hold."""
        if value is None:
            if not self.nullable:
                raise ValueError(f"{self.name} is missing")
            return None
        try:
            return _READERS[self.type](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{self.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class Table:
    """A shared table: its columns beside desk, agent and epoch, and how many of a row's are its key."""

    name: str
    columns: tuple[Column, ...]
    keys: int = 0
    skipped: int = 0
    """So many values at the beginning of a local row stay where they are: they number it there."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def read(self, row: Sequence[object]) -> Cells:
        """A local row. Raises `ValueError` for one that the table cannot hold."""
        values = row[self.skipped :]
        if len(values) != len(self.columns):
            raise ValueError(f"{len(self.columns)} values were expected, and there are {len(values)}")
        return tuple(column.read(value) for column, value in zip(self.columns, values, strict=True))


def texts(row: Iterable[object]) -> tuple[object, ...]:
    """A shared row as a local one: instants as texts, in UTC."""
    return tuple(cell.astimezone(UTC).isoformat() if isinstance(cell, datetime) else cell for cell in row)


def _text(value: object) -> str:
    """As PostgreSQL can keep it: without NUL, and without what is no character."""
    if not isinstance(value, str):
        raise TypeError(f"expected a text, not {value!r}")
    return value.replace("\0", "\ufffd").encode(errors="replace").decode()


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"expected a whole number, not {value!r}")
    if abs(value) > BIGGEST:
        raise OverflowError("the number is too large")
    return int(value)


def _instant(value: object) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError(f"expected an instant with its offset, not {value!r}")
    return at.astimezone(UTC)


_READERS: Mapping[str, Callable[[object], Cell]] = {
    "text": _text,
    "bigint": _number,
    "timestamptz": _instant,
}

_NUMBERS = frozenset({"seq", "attempts", "refusals"})
_OPTIONAL = frozenset({"recipient", "ended_at", "last_error", "receipt"})


def _letter_column(name: str) -> Column:
    kind = "bigint" if name in _NUMBERS else "timestamptz" if name.endswith("_at") else "text"
    return Column(name, kind, nullable=name in _OPTIONAL)


TRANSITION = Table(
    "transition",
    (
        Column("at", "timestamptz"),
        Column("subject"),
        Column("name"),
        Column("grp", nullable=True),
        Column("before", nullable=True),
        Column("after", nullable=True),
        Column("reason"),
        Column("message"),
        Column("incident", nullable=True),
    ),
    skipped=1,
)
INCIDENT = Table(
    "incident",
    (
        Column("id"),
        Column("opened_at", "timestamptz"),
        Column("closed_at", "timestamptz", nullable=True),
        Column("url", nullable=True),
        Column("code"),
        Column("severity"),
        Column("message"),
        Column("acknowledged_by", nullable=True),
        Column("acknowledged_why", nullable=True),
        Column("acknowledged_at", "timestamptz", nullable=True),
    ),
    keys=1,
)
VALUE = Table("value", (Column("key"), Column("value")), keys=1)
AWAKE = Table("awake", (Column("since", "timestamptz"), Column("until", "timestamptz")), keys=1)
DEED = Table(
    "deed",
    (
        Column("at", "timestamptz"),
        Column("who"),
        Column("person", nullable=True),
        Column("peer"),
        Column("what"),
        Column("status", "bigint"),
    ),
)
OUTBOX = Table("outbox", tuple(_letter_column(name) for name in outbox.COLUMNS), keys=1)

TABLES = (TRANSITION, INCIDENT, VALUE, AWAKE, DEED, OUTBOX)
"""In the order in which they are filled."""
