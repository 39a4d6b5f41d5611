"""Sets up the log: text on standard error, every line cleaned of secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable

from agent.runtime.redaction import Redactor, install


def set_up_logs(secrets: Iterable[str], *, verbose: bool = False) -> Redactor:
    """Log to standard error; returns the redactor, which learns further secrets as they come."""
    redactor = Redactor()
    for secret in secrets:
        redactor.add(secret)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for noisy in ("apscheduler", "asyncio", "watchfiles", "urllib3", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    install(logging.getLogger(), redactor)
    return redactor
