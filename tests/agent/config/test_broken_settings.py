"""A plugin whose settings model is broken is a line of the configuration's check, not its end."""

from __future__ import annotations

import sys

import pytest

from agent.config.loading import load
from agent.errors import ConfigError

PLUGIN = """
from pydantic import model_validator
from agent.api import SecretText, Settings, hookimpl

class Own(Settings):
    password: SecretText

    @model_validator(mode="after")
    def check(self):
        raise SystemExit(self.password.get_secret_value())

@hookimpl
def openbell_state_machines(register):
    register("broken", lambda settings, context: None, settings=Own, role="x", states=["A"], reasons=["B"])
"""


def test_a_check_of_a_plugins_that_exits_is_told_with_its_place_and_without_secrets(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "broken_settings_plugin.py").write_text(PLUGIN)
    info = tmp_path / "openbell_broken-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-broken\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\nbroken = broken_settings_plugin\n")
    config = tmp_path / "agent.toml"
    config.write_text(
        '[plugins]\nenable = ["broken"]\n\n[machines.x]\nkind = "broken"\npassword = "hunter2-hunter2"\n'
    )
    with pytest.raises(ConfigError) as raised:
        load(config, {})
    sys.modules.pop("broken_settings_plugin", None)
    assert "agent.toml:4: machines.x: its plugin's check, Own, is broken: it raised SystemExit" in str(
        raised.value
    )
    assert "hunter2" not in str(raised.value)
