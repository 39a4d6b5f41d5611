"""A whole plugin on one screen: a state machine, a notifier, and a rule that ties them in."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from agent.api import (
    Context,
    DeliveryError,
    Notice,
    NotifierContext,
    Receipt,
    RegisterMachine,
    RegisterNotifier,
    RegisterRule,
    Report,
    Settings,
    hookimpl,
)

openbell_api = 1


class PositionsSettings(Settings):
    """`[machines.NAME]` with `kind = "positions-file"`."""

    path: Path


class Positions:
    """Reads a JSON file of `{"SYMBOL": quantity}`, written by the trading process.

    `probe` is a plain `def`, so the agent runs it in a thread: it may block on the disk.
    """

    def __init__(self, settings: PositionsSettings, context: Context) -> None:
        self._path = settings.path
        self._clock = context.clock

    def probe(self) -> Report:
        positions = json.loads(self._path.read_text())
        held = {symbol: quantity for symbol, quantity in positions.items() if quantity}
        return Report(
            state="OPEN" if held else "FLAT",
            reason="HELD" if held else "NONE",
            observed_at=self._clock.now(),
            valid_for=timedelta(minutes=1),
            message=f"{len(held)} positions are open" if held else "No position is open",
            attributes={"positions": held},
            measures={"positions": float(len(held))},
        )


class FileSettings(Settings):
    """`[notifiers.NAME]` with `kind = "file"`."""

    path: Path


class FileNotifier:
    """Appends a line of JSON for each notice."""

    def __init__(self, settings: FileSettings, context: NotifierContext) -> None:
        self._path = settings.path

    async def send(self, notice: Notice) -> Receipt:
        line = {"id": notice.id, "type": notice.type, "code": notice.code, "message": notice.message}
        try:
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise DeliveryError(f"cannot write the file: {error.strerror}") from error
        return Receipt(status="written")


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register(
        "positions-file",
        Positions,
        settings=PositionsSettings,
        role="positions",
        states=["OPEN", "FLAT"],
        reasons=["HELD", "NONE"],
    )


@hookimpl
def openbell_notifiers(register: RegisterNotifier) -> None:
    register("file", FileNotifier, settings=FileSettings)


@hookimpl
def openbell_rules(register: RegisterRule) -> None:
    register(
        {
            "id": "positions-without-feed",
            "code": "POSITIONS_BLIND",
            "when": {"positions": ["OPEN"], "feed": ["STALE", "DISCONNECTED", "CONNECTING"]},
            "severity": "critical",
            "for": "1s",
            "clear_for": "2s",
            "message": "Positions are open and no data comes in",
        },
        before="feed-disconnected",
    )
