"""Those that watch the agent: systemd and a dead-man switch hear of the real program, and of its silence."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from tests.e2e.test_notices import SHIPPED


class Elsewhere:
    """A check that counts how often it was asked."""

    def __init__(self) -> None:
        self.pings, self._asked = 0, asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.pings += 1
        self._asked.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def is_asked(self) -> None:
        self._asked.clear()
        async with asyncio.timeout(30):
            await self._asked.wait()


async def test_systemd_and_the_switch_hear_that_it_lives_until_it_does_not(
    start, reach_desk, tmp_path: Path
) -> None:
    elsewhere = Elsewhere()
    server = await asyncio.start_server(elsewhere.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = tmp_path / "agent.toml"
    config.write_text(f'{SHIPPED}\n[deadman]\nurl = "http://127.0.0.1:{port}/"\nevery = "1s"\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        loop = asyncio.get_running_loop()

        async def says() -> str:
            async with asyncio.timeout(30):
                return (await loop.sock_recv(systemd, 4096)).decode()

        program = await start(
            "demo", "--port", "0", "--broker-port", "0", "--data-dir", str(tmp_path),
            environment={"NOTIFY_SOCKET": str(tmp_path / "notify")},
        )  # fmt: skip
        assert (await says()).startswith("READY=1\nSTATUS=page and API at http://")
        await elsewhere.is_asked()
        assert await says() == "WATCHDOG=1"
        await elsewhere.is_asked()
        assert await program.stop() == 0
        assert await says() == "STOPPING=1"
    server.close()
