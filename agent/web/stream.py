"""One reader's line: takes events as ready bytes, and never piles up what does not leave at once."""

from __future__ import annotations

import asyncio


def framed(event: bytes) -> bytes:
    """An event as one chunk of a chunked answer: made once, however many streams it goes to."""
    return b"%x\r\n%b\r\n" % (len(event), event)


class Stream:
    """Writes to the connection itself, so that an event for a thousand readers wakes no task.

    `troubled` is set when an event could not be taken, because the reader is behind or gone.
    """

    def __init__(self, transport: asyncio.Transport, *, is_chunked: bool) -> None:
        self._transport = transport
        self._is_chunked = is_chunked
        self.sent = -1
        self.troubled = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self._transport.is_closing()

    @property
    def unsent(self) -> int:
        """The bytes that the reader has yet to take."""
        return self._transport.get_write_buffer_size()

    def offer(self, event: bytes) -> bool:
        """Send a framed event, unless the reader is behind."""
        if self.is_over or self.unsent:
            self.troubled.set()
            return False
        self._transport.write(event if self._is_chunked else _unframed(event))
        return True

    def drop(self) -> None:
        self._transport.abort()


def _unframed(event: bytes) -> bytes:
    """For a reader of HTTP/1.0, which knows no chunks."""
    return event[event.index(b"\r\n") + 2 : -2]
