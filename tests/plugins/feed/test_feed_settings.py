"""What `agent.toml` may say of a feed, and what it may not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from plugins import feed
from plugins.feed.settings import JsonFeedSettings, KiteFeedSettings
from plugins.feed.states import CURES, Reason


def test_the_defaults_watch_five_liquid_instruments() -> None:
    settings = KiteFeedSettings(api_key="demo")
    assert sorted(settings.canaries.values()) == [256265, 341249, 408065, 738561, 2953217]
    assert settings.limits().stale_after == 10
    assert settings.credential == "kite"


def test_a_plain_list_names_each_token_by_its_number() -> None:
    assert KiteFeedSettings(api_key="demo", canaries=[256265]).canaries == {"256265": 256265}  # type: ignore[arg-type]


def test_what_is_said_reaches_the_watchdog() -> None:
    settings = KiteFeedSettings.model_validate(
        {"api_key": "demo", "stale_after": "2s", "backoff_cap": "7s", "lag_limit": "250ms"}
    )
    limits = settings.limits()
    assert (limits.stale_after, limits.backoff.cap, limits.lag_limit) == (2, 7, 0.25)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param({"url": "ws://ws.kite.trade"}, "unencrypted", id="not encrypted"),
        pytest.param({"url": "https://ws.kite.trade"}, "wss://ws.kite.trade", id="no WebSocket"),
        pytest.param({"url": "wss://user:pass@ws.kite.trade"}, "user name", id="a password"),
        pytest.param({"url": "wss://"}, "wss://ws.kite.trade", id="no host"),
        pytest.param({"stale_after": "0s"}, "50ms", id="no patience"),
        pytest.param({"heartbeat_after": "2h"}, "1h", id="too much patience"),
        pytest.param({"canaries": {}}, "at least 1", id="no canary"),
        pytest.param({"canaries": ["256265"]}, "integer", id="a token that is a text"),
        pytest.param({"canaries": [0]}, "greater than 0", id="a token of nothing"),
        pytest.param({"canaries": [2**32]}, "less than", id="a token too large"),
        pytest.param({"canaries": [True]}, "integer", id="a token that is a truth"),
        pytest.param({"api_key": ""}, "at least 1", id="no key"),
        pytest.param({"stale": "1s"}, "Extra inputs", id="an unknown key"),
        pytest.param({"instruments": {str(n): n for n in range(1, 3001)}}, "at most", id="too many"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_would_do(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KiteFeedSettings.model_validate({"api_key": "demo"} | wrong)
    assert words in str(caught.value)


def test_an_address_of_this_host_may_be_unencrypted() -> None:
    assert JsonFeedSettings(url="ws://127.0.0.1:9001/feed").stale_after == timedelta(seconds=10)


def test_the_plugin_offers_its_kinds_with_all_their_words() -> None:
    offered: dict[str, dict[str, Any]] = {}

    def register(kind: str, factory: Any, **rest: Any) -> None:
        offered[kind] = rest

    feed.openbell_state_machines(register)
    assert set(offered) == {"kite-feed", "json-feed", "pushed-feed", "openbell"}
    assert offered.pop("openbell")["role"] == "peer"
    for rest in offered.values():
        assert rest["role"] == "feed"
        assert set(rest["states"]) == {"CONNECTED", "STALE", "CONNECTING", "DISCONNECTED"}
        assert len(set(rest["reasons"])) == 11
        assert rest["actions"] == ("reconnect",)


def test_every_ailment_has_a_cure_and_is_a_reason_of_a_stale_feed() -> None:
    assert set(CURES) == {Reason.NO_HEARTBEAT, Reason.NO_TICKS, Reason.LAGGING, Reason.PARTIAL}


def test_registering_does_not_load_the_websocket_client() -> None:
    import subprocess
    import sys

    code = (
        "import sys, plugins.feed; plugins.feed.openbell_state_machines(lambda *a, **k: None);"
        " print([m for m in ('aiohttp', 'kiteconnect', 'twisted') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
