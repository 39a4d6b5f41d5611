"""A TCP proxy between a client and its server that hurts the connections going through it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for zero seconds: RST instead of FIN


@dataclass
class FaultProxy:
    """One listening port before one server.

    `stalled` swallows nothing and passes nothing on, in either direction; it becomes so by itself
    behind what a client says with `stall_behind` in it: that passes, and no answer to it. `delay_s`
    and `pace_s` hold up what comes from the server, the latter byte by byte; `cut_after` ends a
    connection after so many bytes of it.
    """

    host: str
    port: int
    stalled: bool = False
    stall_behind: bytes | None = None
    delay_s: float = 0.0
    pace_s: float = 0.0
    cut_after: int | None = None
    refusing: bool = False
    accepted: int = 0
    url: str = ""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _ways: set[asyncio.Future[list[None]]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def open(self) -> int:
        return sum(not writer.is_closing() for writer in self._writers)

    def heal(self) -> None:
        """From now on, bytes pass as they should."""
        self.stalled, self.delay_s, self.pace_s, self.refusing = False, 0.0, 0.0, False
        self.cut_after = self.stall_behind = None
        self._changed.set()
        self._changed = asyncio.Event()

    def reset(self) -> None:
        """Cut every client's connection by RST."""
        for writer in self._writers:
            sock: socket.socket | None = writer.get_extra_info("socket")
            if sock is not None and not writer.is_closing():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    def sever(self) -> None:
        """End every connection, and what is held up on the way is lost."""
        for way in self._ways:
            way.cancel()

    def half_close(self) -> None:
        """Say the end of our side to every client, and leave the other side open."""
        for writer in self._writers:
            with suppress(OSError):
                writer.write_eof()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.refusing:
            writer.transport.abort()
            return
        try:
            to_server = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()  # as a server that does not run would have it
            return
        self._writers.append(writer)
        there = self._carry(reader, to_server[1], hurt=False)
        back = self._carry(to_server[0], writer, hurt=True)
        ways = asyncio.gather(there, back)
        self._ways.add(ways)
        try:
            with suppress(asyncio.CancelledError):
                await ways
        finally:
            self._ways.remove(ways)
            self._writers.remove(writer)
            to_server[1].close()
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, hurt: bool) -> None:
        carried = 0
        with suppress(ConnectionError, OSError):
            while chunk := await reader.read(65536):
                while self.stalled:
                    await self._changed.wait()
                if not hurt and self.stall_behind is not None and self.stall_behind in chunk:
                    self.stalled = True
                if hurt and self.cut_after is not None and carried + len(chunk) > self.cut_after:
                    writer.write(chunk[: max(0, self.cut_after - carried)])
                    break
                carried += len(chunk)
                await (self._hurt(chunk, writer) if hurt else self._pass(chunk, writer))
        while self.stalled:
            await self._changed.wait()  # the end of a side is held up like any byte
        with suppress(OSError):
            writer.close()

    async def _pass(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(chunk)
        await writer.drain()

    async def _hurt(self, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.delay_s)
        for start in range(len(chunk)):
            if not self.pace_s:
                await self._pass(chunk[start:], writer)
                return
            await self._pass(chunk[start : start + 1], writer)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self.pace_s)


@asynccontextmanager
async def proxying(host: str, port: int) -> AsyncIterator[FaultProxy]:
    """A proxy before `host:port`; its own address is in `url`."""
    proxy = FaultProxy(host, port)
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.ensure_future(proxy.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
