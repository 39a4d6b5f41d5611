"""What agents of one desk compare to see whether they watch the same in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.loading import load
from agent.runtime.sharing.presence import config_hash

CONFIG = """
name = "mumbai-1"
environment = "simulated"
[server]
port = 8000
[store]
url = "postgresql://openbell:one-password@db/openbell"
desk = "mumbai"
[credentials.kite]
source = "env-file"
path = ".env"
key = "TOKEN"
[machines.market]
kind = "market"
segment = "NSE_EQ"
[machines.auth]
kind = "kite-login"
api_key = "demo"
api_secret = "${SECRET}"
[notifiers.desk]
kind = "webhook"
url = "https://hooks.example/T0/${HOOK}"
[notifiers.chat]
kind = "slack"
webhook_url = "https://slack.example/in-plain-sight"
"""


def hashed(folder: Path, *changes: tuple[str, str], secret: str = "s3cr3t-1", hook: str = "hook-1") -> str:
    text = CONFIG
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    config = folder / "agent.toml"
    config.write_text(text)
    config.chmod(0o600)
    return config_hash(load(config, {"SECRET": secret, "HOOK": hook}))


@pytest.mark.parametrize(
    ("changes", "secrets"),
    [
        pytest.param([], {"secret": "another"}, id="a secret that is referred to"),
        pytest.param([], {"hook": "a-much-longer-one"}, id="a part of an address"),
        pytest.param([("in-plain-sight", "elsewhere")], {}, id="one in plain sight"),
        pytest.param([("hooks.example", "hooks.elsewhere.example")], {}, id="where a webhook is"),
        pytest.param([("one-password", "two")], {}, id="the store's"),
        pytest.param([("mumbai-1", "mumbai-2"), ("8000", "8001")], {}, id="what is each one's own"),
    ],
)
def test_neither_secrets_nor_what_is_each_ones_own_make_a_difference(
    tmp_path: Path, changes: list[tuple[str, str]], secrets: dict[str, str]
) -> None:
    assert hashed(tmp_path, *changes, **secrets) == hashed(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("NSE_EQ", "MCX"), id="a setting"),
        pytest.param(('"demo"', '"other"'), id="a public key"),
        pytest.param(("[machines.auth]", "[machines.login]"), id="a name"),
    ],
)
def test_all_else_does(tmp_path: Path, change: tuple[str, str]) -> None:
    assert hashed(tmp_path, change) != hashed(tmp_path)
