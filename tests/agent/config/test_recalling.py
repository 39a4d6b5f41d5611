"""What is known of a plugin that is named and not here: what it offered when it was."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.config.blueprint import Blueprint
from agent.config.loading import load
from agent.config.recalling import KEY, recall, remember
from agent.errors import ConfigError
from agent.store.shipments import PRIVATE

PLUGIN = """
from agent.api import Settings, hookimpl

class Blank(Settings):
    pass

@hookimpl
def openbell_state_machines(register):
    register("cellar", lambda settings, context: None, settings=Blank, role="vault",
             states=["WELL", "ILL"], reasons=["SEEN"], actions=["open"])
    register("floor", lambda settings, context: None, settings=Blank, role="market",
             states=["LIVE", "CLOSED"], reasons=["TRADING"])

@hookimpl
def openbell_rules(register):
    rule = {"id": "vault-ill", "code": "VAULT_ILL", "when": {"vault": ["ILL"]}, "severity": "critical"}
    register({**rule, "for": "3s"}, before="auth-required")
"""
CONFIG = """
session = "exchange"
[plugins]
enable = ["vaults"]
[machines.exchange]
kind = "floor"
[machines.strongroom]
kind = "cellar"
[machines.market]
kind = "market"
segment = "NSE_EQ"
"""
USES = """
[[rule]]
id = "own"
code = "OWN"
when = { vault = ["WELL"] }
severity = "critical"
severity_in = { TRADING = "warning" }
suppresses = ["vault-ill"]
probe_first = ["vault"]
[[route]]
to = ["hook"]
rule = ["vault-ill"]
session = ["TRADING"]
[[remedy]]
id = "mend"
rule = "vault-ill"
machine = "strongroom"
action = "open"
after = "1m"
[notifiers.hook]
kind = "webhook"
url = "https://desk.example.net/"
"""
Loaded = Callable[..., Blueprint]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The blueprint of a file, with the plugin or without it."""
    site = tmp_path / "site"
    info = site / "openbell_vaults-0.1.dist-info"
    info.mkdir(parents=True)
    (site / "stranger_vaults.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-vaults\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\nvaults = stranger_vaults\n")
    monkeypatch.syspath_prepend(str(site))

    def load_it(text: str = CONFIG, *, without: bool = False) -> Blueprint:
        (tmp_path / "agent.toml").write_text(text)
        return load(tmp_path / "agent.toml", {}, refuse=lambda folder: "kept out" if without else None)

    yield load_it
    sys.modules.pop("stranger_vaults", None)


def test_a_plugin_that_is_kept_out_keeps_its_machines_roles_and_its_rules(loaded: Loaded) -> None:
    here = loaded()
    text = remember(here.registry, None)
    bare = loaded(without=True)
    assert (bare.machines[1].machine.role, "vault-ill" in bare.ruleset.by_key) == ("strongroom", False)
    recalled = recall(bare, text)
    for known, found in zip(here.machines, recalled.machines, strict=True):
        assert (found.machine.role, found.machine.states) == (known.machine.role, known.machine.states)
    assert recalled.rules == here.rules
    assert recalled.ruleset.by_key.keys() == here.ruleset.by_key.keys()
    assert recalled.ruleset.session == here.ruleset.session == "exchange"
    assert [plan.kind for plan in recalled.machines[:2]] == [None, None]
    assert recalled.machines[1].machine.actions == frozenset(), "nobody is here to do them"


def test_it_is_remembered_through_every_start_without_it_and_forgotten_once_it_is_off_the_list(
    loaded: Loaded,
) -> None:
    text = remember(loaded().registry, None)
    bare = loaded(without=True)
    assert remember(bare.registry, text) == text
    off = loaded(CONFIG.split("[machines.market]")[1].join(["[machines.market]", ""]))
    assert "vaults" not in json.loads(remember(off.registry, text))


def test_a_plugin_that_names_a_place_by_no_text_keeps_nobody_from_starting(loaded: Loaded) -> None:
    here = loaded()
    [offer] = here.registry.rules
    here.registry.rules[:] = [replace(offer, before=Path("auth-required"))]  # type: ignore[arg-type]
    assert recall(loaded(without=True), remember(here.registry, None)).rules == here.rules


def test_a_release_whose_rule_is_none_costs_the_plugin_and_not_the_start(
    loaded: Loaded, tmp_path: Path
) -> None:
    here = loaded()
    text = remember(here.registry, None)
    (tmp_path / "site/stranger_vaults.py").write_text(PLUGIN.replace('"for": "3s"', '"fro": "three seconds"'))
    del sys.modules["stranger_vaults"]
    bare = loaded()
    listed = bare.registry.plugins["vaults"]
    assert (listed.state, "'vault-ill' is none: fro: " in str(listed.error)) == ("failed", True)
    assert recall(bare, text).rules == here.rules


def test_it_goes_with_the_desk_to_another_agent() -> None:
    assert not KEY.startswith(PRIVATE)


def test_what_is_here_is_not_recalled(loaded: Loaded) -> None:
    here = loaded()
    assert recall(here, remember(here.registry, None)) is here
    assert recall(here, None) is here


FLIES = {"id": "a", "code": "A", "when": {"vault": ["ILL"]}, "severity": "critical", "action": "fly"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"vaults": {"kinds": {}, "rules": [[{"id": 3}, null, null]]}}',
        json.dumps({"vaults": {"kinds": {}, "rules": [[FLIES, None, None]]}}),
    ],
)
def test_what_cannot_be_read_is_not_recalled(loaded: Loaded, text: str) -> None:
    bare = loaded(without=True)
    assert recall(bare, text) is bare


def test_names_that_only_the_plugin_brings_keep_nobody_from_starting_without_it(loaded: Loaded) -> None:
    before = loaded(CONFIG + USES).warnings
    bare = loaded(CONFIG + USES, without=True)
    said = [one.split(": ")[1] for one in bare.warnings if one not in before]
    assert said == [
        "session",
        "rule[0].suppresses",
        "rule[0].probe_first",
        "rule[0].severity_in",
        "remedy[0].rule",
        "route[0].rule",
        "route[0].session",
    ]


def test_a_name_that_no_plugin_can_bring_is_a_fault_all_the_same(loaded: Loaded) -> None:
    for wrong in (USES.replace('to = ["hook"]', 'to = ["hok"]'), USES.replace('"strongroom"', '"strong"')):
        with pytest.raises(ConfigError, match=r"hok|strong"):
            loaded(CONFIG + wrong, without=True)
    with pytest.raises(ConfigError, match="elsewhere"):
        loaded(CONFIG.replace('"exchange"', '"elsewhere"'), without=True)


def test_with_every_plugin_here_a_name_that_is_missing_is_a_fault(loaded: Loaded) -> None:
    with pytest.raises(ConfigError, match="vault-il"):
        loaded(CONFIG + USES.replace('["vault-ill"]\nprobe', '["vault-il"]\nprobe'))
