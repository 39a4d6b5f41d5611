"""Ends this process when the agent has ended, however it did and whatever this process is busy with."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading

_PR_SET_PDEATHSIG = 1
"""https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html"""


def hold(end: socket.socket) -> None:
    """A thread sees the other end close; on Linux the kernel kills us even where no thread can run."""
    threading.Thread(target=_watch, args=(end.fileno(),), name="lifeline", daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.poll()
    os._exit(1)
