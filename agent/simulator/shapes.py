"""What the answers of REST are made of, as plain values ready for JSON.

Shapes after https://kite.trade/docs/connect/v3/user/ and .../market-quotes/.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agent.simulator.hours import IST
from agent.simulator.prices import Level, Quote
from agent.simulator.tokens import random_text

_AVAILABLE: Final = ("adhoc_margin", "collateral", "intraday_payin")
_UTILISED: Final = (
    *("debits", "exposure", "m2m_realised", "m2m_unrealised", "option_premium", "payout", "span"),
    *("holding_sales", "turnover", "liquid_collateral", "stock_collateral", "delivery"),
)


def profile(user_id: str) -> dict[str, object]:
    return {
        "user_id": user_id,
        "user_type": "individual",
        "email": f"{user_id.lower()}@example.com",
        "user_name": "Simulated Trader",
        "user_shortname": "Simulated",
        "broker": "ZERODHA",
        "exchanges": ["NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "MF"],
        "products": ["CNC", "NRML", "MIS", "BO", "CO"],
        "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
        "avatar_url": None,
        "meta": {"demat_consent": "physical"},
    }


def session(user_id: str, api_key: str, access_token: str, now: datetime) -> dict[str, object]:
    return {
        **profile(user_id),
        "api_key": api_key,
        "access_token": access_token,
        "public_token": random_text(32),
        "enctoken": random_text(88),
        "refresh_token": "",
        "silo": "",
        "login_time": local_time(now),
    }


def margin(cash: float) -> dict[str, object]:
    balances = {"cash": cash, "opening_balance": cash, "live_balance": cash}
    return {
        "enabled": True,
        "net": cash,
        "available": dict.fromkeys(_AVAILABLE, 0) | balances,
        "utilised": dict.fromkeys(_UTILISED, 0),
    }


def last_price(told: Quote) -> dict[str, object]:
    return {"instrument_token": told.token, "last_price": told.last / told.divisor}


def ohlc(told: Quote) -> dict[str, float]:
    prices = {"open": told.open, "high": told.high, "low": told.low, "close": told.close}
    return {name: price / told.divisor for name, price in prices.items()}


def whole_quote(told: Quote) -> dict[str, object]:
    """All of a quote, as `/quote` has it; an index has neither volume nor depth."""
    at = local_time(datetime.fromtimestamp(told.at, IST))
    index = {
        **last_price(told),
        "timestamp": at,
        "net_change": (told.last - told.close) / told.divisor,
        "ohlc": ohlc(told),
    }
    if not told.bids:
        return index
    return index | {
        "last_trade_time": at,
        "last_quantity": told.last_quantity,
        "buy_quantity": told.buy_quantity,
        "sell_quantity": told.sell_quantity,
        "volume": told.volume,
        "average_price": told.average / told.divisor,
        "oi": told.open_interest,
        "oi_day_high": told.open_interest_high,
        "oi_day_low": told.open_interest_low,
        "lower_circuit_limit": told.close * 9 // 10 / told.divisor,
        "upper_circuit_limit": told.close * 11 // 10 / told.divisor,
        "depth": {"buy": _depth(told.bids, told.divisor), "sell": _depth(told.offers, told.divisor)},
    }


def _depth(levels: tuple[Level, ...], divisor: int) -> list[dict[str, float]]:
    return [
        {"quantity": level.quantity, "price": level.price / divisor, "orders": level.orders}
        for level in levels
    ]


def local_time(instant: datetime) -> str:
    return instant.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")
