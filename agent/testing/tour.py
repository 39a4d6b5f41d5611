"""Takes a machine through all weather once, and keeps what it said; several checks read the same record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.model import Report
from agent.testing.canary import CANARY, listening, secrets_in
from agent.testing.troubles import Trouble

if TYPE_CHECKING:
    from agent.testing.stage import Stage
    from agent.testing.staging import StagedMachine

LOOK = 1.0
"""How long each weather lasts after the first report, in seconds of the machine's clock."""

_RECORD = "_travelled"


@dataclass(frozen=True, slots=True)
class Tour:
    """What a machine said in all weather; `holds_canary` tells that its settings had the canary."""

    reports: tuple[Report, ...]
    faults: tuple[str, ...]
    texts: tuple[str, ...]
    holds_canary: bool


async def travel(contract: StagedMachine) -> Tour:
    """The tour of this contract's class; made once."""
    kept: Tour | None = vars(type(contract)).get(_RECORD)
    if kept is None:
        kept = await _travel(contract)
        setattr(type(contract), _RECORD, kept)
    return kept


async def _travel(contract: StagedMachine) -> Tour:
    reports: list[Report] = []
    faults: list[str] = []
    texts: list[str] = []
    holds_canary = False
    with listening() as ear:
        for trouble in (None, *filter(contract.applies, Trouble)):
            weather = contract.well() if trouble is None else contract.trouble(trouble)
            async with weather as exchange:
                token = "" if trouble is None else CANARY
                async with contract.stage(exchange, token) as stage, stage.running():
                    await _look(contract, stage)
            reports += stage.bench.reports
            faults += stage.faults()
            texts += stage.texts()
            holds_canary |= any(CANARY in secret for secret in secrets_in(stage.settings))
    return Tour(tuple(reports), tuple(faults), (*texts, *ear.lines), holds_canary)


async def _look(contract: StagedMachine, stage: Stage) -> None:
    await contract.until(lambda: stage.bench.reports, lambda: "it reports nothing at all")
    await contract.clock.sleep(LOOK)
