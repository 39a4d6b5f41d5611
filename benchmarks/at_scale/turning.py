"""The turns of all agents: the very statements, each agent over a connection of its own, by `pgbench`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.fleet.rows import WATCH
from agent.runtime.sharing.shipper import LOOK_EVERY_S
from agent.runtime.sharing.watchman import LOOK_EVERY_S as WATCH_EVERY_S
from agent.store.postgres.claiming import WAITS
from agent.store.postgres.leases import SELECT
from agent.store.postgres.pulse import HOLD_ON
from agent.store.postgres.waking import CHANNEL
from at_scale.desks import LASTS, RUN
from tests.postgres import program

LONGEST_S = 900
FIELDS = 7
"""Of a line of its log: client, transaction, how long it took, script, seconds, microseconds, lag."""
NAME = "'desk-' || :client_id::text"
VALUES = {
    "lasts": f"interval '{LASTS.total_seconds():g} s'",
    "resource": f"'desk/' || {NAME}",
    "instance": NAME, "agent": NAME, "desk": NAME, "run": f"'{RUN}'", "epoch": "1", "again": "false",
}  # fmt: skip
ONCE = rf"""\if :listens
LISTEN {CHANNEL};
\set listens 0
\endif
"""
SCRIPTS = {
    "turn": (ONCE + HOLD_ON, 1.0),
    "watch": (SELECT.replace("%s", f"'{WATCH}'"), 1 / WATCH_EVERY_S),
    "letters": (WAITS, 1 / LOOK_EVERY_S),
}
"""What each agent asks, and how often a second."""


def _filled(statement: str, values: Mapping[str, str]) -> str:
    return re.sub(r"%\((\w+)\)s", lambda found: f"({values[found[1]]})", statement).strip() + ";\n"


@dataclass(frozen=True)
class Turn:
    """One that was taken: when it was over, and how long after it was due; seconds."""

    at: float
    took_s: float


class Turning:
    """Agents that take their turns until they are told to end."""

    def __init__(self, url: str, agents: int, folder: Path) -> None:
        self._url = url
        self._agents = agents
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def begin(self) -> int:
        """Its process's number, once all agents have come and take their turns."""
        each_s = sum(often for _, often in SCRIPTS.values())
        chosen = []
        for name, (text, often) in SCRIPTS.items():
            script = self._folder / f"{name}.sql"
            script.write_text(_filled(text, VALUES))
            chosen += ["-f", f"{script}@{round(often * 10)}"]
        self._process = await asyncio.create_subprocess_exec(
            program("pgbench"), "--no-vacuum", "-M", "extended", "-c", str(self._agents), "-j", "2",
            "-R", f"{self._agents * each_s:.0f}", "-T", str(LONGEST_S), "-D", "listens=1",
            "-l", f"--log-prefix={self._folder}/turns", *chosen, self._url,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        while not any(path.stat().st_size for path in self._folder.glob("turns.*")):
            if self._process.returncode is not None:
                assert self._process.stderr is not None
                raise SystemExit(f"pgbench: {(await self._process.stderr.read()).decode()}")
            await asyncio.sleep(0.2)
        return self._process.pid

    async def end(self) -> list[Turn]:
        """All turns but some of the latest, which are not written yet."""
        self.stop()
        assert self._process is not None
        await self._process.wait()
        found = []
        for path in self._folder.glob("turns.*"):
            for line in path.read_text().splitlines():
                fields = line.split()
                if len(fields) == FIELDS and fields[3] == "0":
                    took, seconds, micros = (int(fields[number]) for number in (2, 4, 5))
                    found.append(Turn(seconds + micros / 1e6, took / 1e6))
        return found

    def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
