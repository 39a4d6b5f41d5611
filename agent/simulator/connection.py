"""One open socket of a client: what it subscribed to, and the ways to write to it or to hurt it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from agent.simulator.packets import Mode

BACKLOG_LIMIT: Final = 4 * 2**20
"""With so many bytes unread by the client, frames are left out rather than kept for it."""

GOODBYE_TIMEOUT: Final = 5.0
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for zero seconds: closing sends RST instead of FIN."""


class Connection:
    """A client's socket, from its upgrade to its end.

    `latest` has the second that the last packet of each token spoke of; `is_deaf`, whether the server
    has stopped to read.
    """

    def __init__(
        self, number: int, stream: web.WebSocketResponse, transport: asyncio.Transport, since: datetime
    ) -> None:
        self.number = number
        self.since = since
        self.gone = asyncio.Event()
        self.subscriptions: dict[int, Mode] = {}
        self.latest: dict[int, int] = {}
        self.is_deaf = False
        self.frames_sent = 0
        self.frames_left_out = 0
        self._stream = stream
        self._transport = transport
        self._said_goodbye = False
        self._last_call: asyncio.TimerHandle | None = None

    def forget(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            self.subscriptions.pop(token, None)
            self.latest.pop(token, None)

    async def send(self, frame: bytes | str) -> None:
        """Write a frame, if the client keeps up; never waits, and never raises for a dead one."""
        if self._said_goodbye:
            return
        if self._transport.get_write_buffer_size() > BACKLOG_LIMIT:
            self.frames_left_out += 1
            return
        try:
            if isinstance(frame, str):
                await self._stream.send_str(frame)
            else:
                await self._stream.send_bytes(frame)
        except ConnectionError:
            return
        self.frames_sent += 1

    def read(self, *, wanted: bool) -> None:
        """Read on, or leave everything that comes, the pings too, where it is."""
        if wanted and self.is_deaf:
            self._transport.resume_reading()
        elif not wanted:
            self._transport.pause_reading()
        self.is_deaf = not wanted

    async def say_goodbye(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        """Close as the protocol has it; a client that leaves it unanswered is cut off in the end.

        The frame is sent past `WebSocketResponse.close`, which, called from another task than the
        reader's, would not wait for the client's answer.
        """
        if self.is_deaf:
            self.reset()
            return
        self._said_goodbye = True
        with suppress(ConnectionError):
            await self._stream.send_frame(code.to_bytes(2), WSMsgType.CLOSE)
        self._last_call = asyncio.get_running_loop().call_later(GOODBYE_TIMEOUT, self.reset)

    def reset(self) -> None:
        """Cut the connection without a word, by RST; one that is gone already is left in peace."""
        if self.gone.is_set():
            return
        sock: socket.socket | None = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()

    def end(self) -> None:
        """Nothing more comes from the client; if it has answered our goodbye, hang up."""
        self.gone.set()
        if self._last_call is not None:
            self._last_call.cancel()
        if self._said_goodbye:
            self._transport.close()

    def describe(self) -> dict[str, object]:
        by_mode: defaultdict[str, list[int]] = defaultdict(list)
        for token, mode in self.subscriptions.items():
            by_mode[mode].append(token)
        return {
            "id": self.number,
            "since": self.since.isoformat(),
            "subscriptions": {mode: sorted(tokens) for mode, tokens in by_mode.items()},
            "frames_sent": self.frames_sent,
            "frames_left_out": self.frames_left_out,
        }
