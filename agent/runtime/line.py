"""The way from a report to what follows from it, fenced: a defect of ours must not end the agent."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.health.answer import Evaluation
from agent.model import Report
from agent.ownership import ours
from agent.runtime.cleaning import clean_report
from agent.runtime.core import Core

log = logging.getLogger(__name__)


class Line:
    """Hands reports to the core. `look` sees every evaluation, `clean` takes secrets out of words.

    `is_well` is false from an evaluation that failed until one that did not: the document is not
    renewed meanwhile, so that readers cease to trust it.
    """

    def __init__(
        self, core: Core, *, look: Callable[[Evaluation | None], None], clean: Callable[[str], str]
    ) -> None:
        self.core = core
        self.is_well = True
        self._look = look
        self._clean = clean

    def deliver(self, name: str, report: Report) -> None:
        """Take in a machine's report."""
        with ours():
            self._accept(name, report)

    def evaluate(self) -> None:
        """Look again, because time alone may have changed something."""
        with ours():
            self._evaluate()

    def _accept(self, name: str, report: Report) -> None:
        try:
            self.core.accept(name, clean_report(report, self._clean))
            self._look(self.core.evaluation)
        except Exception:  # noqa: BLE001 - a defect of ours must not end the agent
            self._failed()

    def _evaluate(self) -> None:
        try:
            self.core.evaluate()
            self._look(self.core.evaluation)
            self.is_well = True
        except Exception:  # noqa: BLE001 - a defect of ours must not end the agent
            self._failed()

    def _failed(self) -> None:
        self.is_well = False
        log.exception("the evaluation failed; the document is not renewed until it works again")
