"""Tells systemd that the agent is ready, lives and stops; says nothing where nobody listens.

Source: sd_notify(3). `NOTIFY_SOCKET` names a datagram socket, abstract where it begins with `@`.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Systemd:
    """The service's side of `Type=notify`; a message that cannot be sent costs nothing but itself."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = (os.environ if environment is None else environment).get("NOTIFY_SOCKET", "")
        self._address = "\0" + found[1:] if found.startswith("@") else found

    def ready(self, status: str) -> None:
        self._say(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """For `WatchdogSec=`: sent only while the agent's work goes on: one that hangs is restarted."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def _say(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto(message.encode(), self._address)
        except OSError as error:
            log.debug("systemd takes no word: %s", error)
