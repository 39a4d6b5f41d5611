"""The simulator as a fixture answers the broker's own, blocking client."""

from __future__ import annotations

from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import requests
from kiteconnect import KiteConnect

from agent.simulator import Simulator
from agent.testing.fixtures import simulator

__all__ = ["simulator"]


def test_the_simulator_is_logged_in_at_with_the_real_client(simulator: Simulator) -> None:
    page = f"{simulator.url}/connect/login?v=3&api_key=demo&approve=1"
    back = requests.get(page, allow_redirects=False, timeout=10).headers["Location"]
    [request_token] = parse_qs(urlsplit(back).query)["request_token"]
    kite = KiteConnect(api_key="demo", root=simulator.url)
    with closing(kite.reqsession):
        session = kite.generate_session(request_token, "demo-secret")
        kite.set_access_token(session["access_token"])
        assert kite.profile()["user_id"] == "AB1234"
