"""The machine's process: builds it of the agent's first message, and does what it is told until the end."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import signal
import socket
import sys

from agent.runtime.isolated.lifeline import hold


def main(descriptor: int) -> None:
    """Serve the agent at the other end of a socket; nothing secret is in arguments or environment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    end = socket.socket(fileno=descriptor)
    hold(end)

    from agent.runtime.isolated.serving import serve

    asyncio.run(serve(end))


if __name__ == "__main__":
    main(int(sys.argv[1]))
