"""The database, and the machine, as the kernel and the tables show them."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Database:
    """The database as its own processes and tables show it."""

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url) as connection:
            self._postmaster = _parent(connection.info.backend_pid)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            return connection.execute(query).fetchall()

    def cpu_s(self) -> float:
        """Of all its processes, and of those that have ended."""
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        alive = sum(cpu_s(pid) for pid in pids if _parent(pid) == self._postmaster)
        return alive + cpu_s(self._postmaster) + _ended_cpu_s(self._postmaster)

    def memory_of_one(self) -> tuple[int, float]:
        """How many connections there are, and what each adds, in bytes: its share of what is shared, too."""
        rows = self.ask(
            "SELECT pid FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        sizes = [_share(int(str(pid))) for (pid,) in rows]
        return len(sizes), sum(sizes) / len(sizes)

    def wal_bytes(self) -> int:
        ((found,),) = self.ask("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
        return int(str(found))

    def bytes_of(self) -> dict[str, tuple[int, int]]:
        """Rows and bytes of each table, with its indexes."""
        wanted = "SELECT tablename FROM pg_tables WHERE schemaname = 'openbell'"
        tables = [str(name) for (name,) in self.ask(wanted)]
        found = {}
        for name in tables:
            ((rows, size),) = self.ask(
                f"SELECT (SELECT count(*) FROM openbell.{name}), pg_total_relation_size('openbell.{name}')"
            )
            found[name] = (int(str(rows)), int(str(size)))
        return found


def cpu_s(pid: int) -> float:
    """What a process has used; to the nanosecond, for most do little."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


def busy_s() -> float:
    """What all processors of the machine have done, whoever had them do it."""
    user, nice, system, _, _, irq, soft, *_ = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    return sum(map(int, (user, nice, system, irq, soft))) * TICK_S


def _ended_cpu_s(pid: int) -> float:
    """Of its children that have ended."""
    return sum(int(one) for one in _stat(pid)[13:15] if one.isdigit()) * TICK_S


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["?"] * 20


def _parent(pid: int) -> int:
    parent = _stat(pid)[1]
    return int(parent) if parent.isdigit() else 0


def _share(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
