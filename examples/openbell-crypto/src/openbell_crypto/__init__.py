"""An exchange that never closes: its market, and its public ticker feed."""

from __future__ import annotations

from agent.api import RegisterMachine, hookimpl

from . import feed, market, watch

openbell_api = 1


@hookimpl
def openbell_state_machines(register: RegisterMachine) -> None:
    register(
        "crypto-market",
        market.AlwaysOpen,
        settings=market.MarketSettings,
        role="market",
        states=market.STATES,
        reasons=market.REASONS,
    )
    register(
        "crypto-feed",
        feed.TickerFeed,
        settings=feed.FeedSettings,
        role="feed",
        states=watch.State,
        reasons=watch.Reason,
        actions=["reconnect"],
    )
