from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agent.registry import load_plugins
from agent.testing import ManualClock, notifier_context
from plugins import notifiers
from plugins.notifiers.recent import Recent

FOLDER = Path(notifiers.__file__).parent
KINDS = ("slack", "email", "apprise", "webhook")


def test_the_kinds_come_in_by_the_plugins_door() -> None:
    registry = load_plugins()
    assert registry.plugins["notifiers"].state == "loaded"
    assert {kind: registry.notifiers[kind].plugin for kind in KINDS} == dict.fromkeys(KINDS, "notifiers")


def test_listing_the_kinds_loads_no_client_of_any() -> None:
    script = (
        "import sys\n"
        "from agent.registry import Registry\n"
        "import plugins.notifiers as module\n"
        "Registry().load('notifiers', lambda: module, origin='', version=None)\n"
        "clients = {'aiohttp', 'aiosmtplib', 'slack_sdk', 'apprise', 'requests', 'jinja2'}\n"
        "print(*sorted(clients & sys.modules.keys()))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=FOLDER.parents[1]
    )
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("kind", KINDS)
def test_each_sample_can_be_used_as_it_is(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tables = tomllib.loads((FOLDER / kind / "sample.toml").read_text())["notifiers"]
    registry = load_plugins()
    context = notifier_context("desk", lambda: None, ManualClock())  # type: ignore[arg-type, return-value]
    assert tables
    for table in tables.values():
        offered = registry.notifiers[table.pop("kind")]
        assert offered.kind == kind
        table.pop("timeout", None)
        values = {key: _resolved(value) for key, value in table.items()}
        offered.factory(offered.settings.model_validate(values), context)


def _resolved(value: object) -> object:
    """What the core makes of a reference to the environment."""
    made = {
        "${SLACK_WEBHOOK_URL}": "https://hooks.slack.com/services/T0/B0/x",
        "${SLACK_BOT_TOKEN}": "xoxb-0",
        "${DEALER_TELEGRAM_URL}": "tgram://123456789:AAEabcdefghijklmnopqrstuvwxyz-123456/42",
        "${DUTY_NTFY_URL}": "ntfys://desk",
        "${SMTP_PASSWORD}": "a-password",
        "${OPENBELL_WEBHOOK_SECRET}": "whsec_" + "a2tra2tra2tra2tra2tra2tra2tra2tr",
        "${OPENBELL_WEBHOOK_SECRET_BEFORE}": "whsec_" + "bGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxs",
    }
    if isinstance(value, dict):
        return {key: _resolved(inner) for key, inner in value.items()}
    return made.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("kind", KINDS)
def test_each_setting_is_in_the_readme(kind: str) -> None:
    text = (FOLDER / kind / "README.md").read_text()
    for name in load_plugins().notifiers[kind].settings.model_fields:
        assert f"`{name}`" in text, name


def test_a_missing_ca_file_is_named_when_the_notifier_is_built() -> None:
    from agent.api import ConfigError
    from plugins.notifiers import webhook
    from plugins.notifiers.webhook.settings import WebhookSettings

    settings = WebhookSettings.model_validate({"url": "https://example.com", "ca_file": "/nowhere/ca.pem"})
    context = notifier_context("desk", lambda: None, ManualClock())  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match=r"ca_file = '/nowhere/ca\.pem': No such file"):
        webhook(settings, context)


def test_of_recent_values_the_one_used_longest_ago_is_forgotten() -> None:
    recent: Recent[int] = Recent(limit=2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.get("a")
    recent.put("c", 3)
    assert [recent.get(name) for name in "abc"] == [1, None, 3]
    recent.forget("a")
    assert recent.get("a") is None
    assert len(recent) == 1
