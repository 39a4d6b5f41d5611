from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from pydantic import ValidationError

from agent.registry import load_plugins
from plugins.auth import KiteLogin, KiteLoginSettings


def settings(**table: Any) -> KiteLoginSettings:
    return KiteLoginSettings.model_validate({"api_key": "demo", **table})


def test_a_key_is_all_that_must_be_set() -> None:
    usual = settings()
    assert usual.root == "https://api.kite.trade"
    assert usual.rollover.plan.at == time(6, 0)
    assert usual.rollover.plan.uncertain_until == time(7, 30)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"api_key": "a b"}, "pattern"),
        ({"api_key": ""}, "pattern"),
        ({"verify_every": "1s"}, "greater than or equal"),
        ({"rollover": {"zone": "Asia/Kolkatta"}}, "a time zone such as"),
        ({"rollover": {"zone": "../etc/passwd"}}, "a time zone such as"),
        ({"rollover": {"at": "08:00"}}, "uncertain_until is before at"),
        ({"rollover": {"at": "06:00+05:30"}}, "without an offset"),
        ({"root": "http://api.kite.trade"}, "expected https://"),
        ({"root": "https://api.kite.trade/v3"}, "without a path"),
        ({"root": "file:///etc/passwd"}, "an address such as"),
        ({"root": "https://me:secret@api.kite.trade"}, "an address such as"),
        ({"login_url": "http://kite.zerodha.com/connect/login"}, "expected https://"),
        ({"pasword": "x"}, "Extra inputs"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_meant_is_refused(table: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        settings(**table)


def test_an_address_on_this_machine_needs_no_tls() -> None:
    assert settings(root="http://127.0.0.1:9000").root == "http://127.0.0.1:9000"
    assert settings(root="http://[::1]:9000/").root == "http://[::1]:9000/"


def test_the_secret_is_not_shown() -> None:
    assert "CANARY" not in repr(settings(api_secret="CANARY"))


def test_the_kind_comes_in_by_the_door_of_all_plugins() -> None:
    kind = load_plugins().machines["kite-login"]
    assert (kind.factory, kind.settings, kind.role) == (KiteLogin, KiteLoginSettings, "auth")
    assert kind.states == {"VALID", "EXPIRED", "REQUIRED"}
    assert kind.reasons == {"VERIFIED", "UNVERIFIED", "ROLLOVER", "REJECTED", "MISSING"}
    assert kind.actions == {"verify"}
