"""The login machine for Zerodha's Kite: knows the access token, and nothing but the token."""

from __future__ import annotations

from agent.api import RegisterMachine, hookimpl
from plugins.auth.machine import VERIFY, KiteLogin
from plugins.auth.settings import KiteLoginSettings
from plugins.auth.token import Reason, State


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register(
        "kite-login",
        KiteLogin,
        settings=KiteLoginSettings,
        role="auth",
        states=State,
        reasons=Reason,
        actions=[VERIFY],
    )
