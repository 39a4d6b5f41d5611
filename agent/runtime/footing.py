"""What the agent itself stands on: a way out of this machine, and room on the disk of its data folder."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

from agent.clock import Clock
from agent.config.schema import NetworkTable
from agent.health.self_check import Room

LOOK_S = 2.0
"""Sooner than a broken feed becomes a problem, so that its cause is known by then."""

CONNECT_S = 1.5
ROOM_EVERY = 15
"""The room is looked at in every so many looks."""

NOWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that are nobody's (RFC 5737, RFC 3849): to ask for the way there sends nothing."""

_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class Footing:
    """Looks every two seconds; `changed` hears when the network goes, and when it is back.

    `wanted` says what the present configuration wants, `None` where the network does not matter.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        wanted: Callable[[], NetworkTable | None],
        changed: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._wanted = wanted
        self._changed = changed
        self._lost_s: float | None = None
        self.network_error: str | None = None
        self.room: Room | None = None

    @property
    def offline_s(self) -> float | None:
        """For how long there has been no way out; `None` while there is one."""
        return None if self._lost_s is None else self._clock.monotonic() - self._lost_s

    async def run(self) -> None:
        look = 0
        while True:
            if look % ROOM_EVERY == 0:
                self.room = await asyncio.to_thread(room_in, self._folder)
            await self.look()
            look += 1
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """See once whether there is a way out."""
        before, wanted = self.network_error, self._wanted()
        self.network_error = await self._trouble(wanted) if wanted is not None and wanted.watch else None
        if self.network_error is None:
            self._lost_s = None
        elif before is None:
            self._lost_s = self._clock.monotonic()
        if (before is None) != (self.network_error is None):
            self._changed()

    async def _trouble(self, wanted: NetworkTable) -> str | None:
        if wanted.hosts:
            found = await asyncio.gather(*(self._reaches(one) for one in wanted.hosts))
            return None if any(found) else f"none of {', '.join(wanted.hosts)} can be reached"
        return None if has_route() else "no route leads out of this machine"

    async def _reaches(self, place: str) -> bool:
        """Whether a host answers, be it by refusing."""
        host, _, port = place.rpartition(":")
        try:
            async with self._clock.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except ConnectionRefusedError:
            return True
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True


def has_route() -> bool:
    """Whether the system knows a way to somewhere else; nothing is sent, and nobody asked."""
    return any(_leads(family, address) for family, address in NOWHERE)


def _leads(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            return probe.connect_ex((address, 9)) not in _NO_WAY
    except OSError as error:
        return error.errno not in _NO_WAY


def room_in(folder: Path) -> Room | None:
    """The room on the disk of a folder; `None` where that cannot be known."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return Room(free=found.f_bavail * found.f_frsize, whole=found.f_blocks * found.f_frsize)
