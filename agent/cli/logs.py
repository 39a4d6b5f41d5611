"""Sets up the log: text on standard error, every line cleaned of secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from types import TracebackType

from agent.runtime.redaction import Redactor, install


def set_up_logs(secrets: Iterable[str], *, verbose: bool = False) -> Redactor:
    """Log to standard error; returns the redactor, which learns further secrets as they come."""
    redactor = Redactor(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for noisy in ("apscheduler", "asyncio", "watchfiles", "urllib3", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    install(root, redactor)
    sys.excepthook = _report_defect
    return redactor


def _report_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nothing has caught goes the way of all log lines, cleaned."""
    logging.getLogger("openbell").critical("a defect ended the agent", exc_info=(kind, error, trace))
