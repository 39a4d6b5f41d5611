"""The broker Upstox: its login and its feed, which share a credential and nothing else."""

from __future__ import annotations

from agent.api import RegisterMachine, hookimpl

from . import feed, login, pulse, token

openbell_api = 1


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register(
        "upstox-login",
        login.UpstoxLogin,
        settings=login.LoginSettings,
        role="auth",
        states=token.State,
        reasons=token.Reason,
        actions=[login.VERIFY],
    )
    register(
        "upstox-feed",
        feed.UpstoxFeed,
        settings=feed.FeedSettings,
        role="feed",
        states=pulse.State,
        reasons=pulse.Reason,
        actions=[feed.RECONNECT],
    )
