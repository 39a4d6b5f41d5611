"""The market session as a plugin: registers the machine `market` and the command `openbell market`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.api import Context, RegisterCommand, RegisterMachine, hookimpl
from plugins.market.phases import Reason, State
from plugins.market.settings import MarketSettings

if TYPE_CHECKING:
    from plugins.market.machine import MarketMachine


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register(
        "market",
        _market,
        settings=MarketSettings,
        role="market",
        states=[state for state in State if state is not State.UNKNOWN],
        reasons=[reason for reason in Reason if reason is not Reason.OUT_OF_CALENDAR],
    )


@hookimpl
def openbell_commands(register: RegisterCommand) -> None:
    from plugins.market.command import market

    register(market)


def _market(settings: MarketSettings, context: Context) -> MarketMachine:
    from plugins.market.machine import MarketMachine

    return MarketMachine(settings, context)
