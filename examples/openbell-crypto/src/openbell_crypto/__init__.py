"""An exchange that never closes: its market, its public ticker feed, and a rule for its maintenance."""

from __future__ import annotations

from agent.api import RegisterMachine, RegisterRule, hookimpl

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


@hookimpl
def openbell_rules(register: RegisterRule) -> None:
    """A maintenance that the exchange tells of is no reason to wake anybody, unless another rule says so."""
    register(
        {
            "id": "exchange-maintenance",
            "code": "EXCHANGE_MAINTENANCE",
            "when": {"feed": ["STALE"]},
            "measures": {"in_maintenance": ">= 1"},
            "severity": "warning",
            "suppresses": ["feed-stale"],
            "clear_for": "2s",
            "message": "The exchange is in maintenance, and sends no data",
        },
        before="feed-stale",
    )
