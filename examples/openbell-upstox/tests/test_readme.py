"""The README has every word that the plugin says; the sample is whole; `agent.api` is enough."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from openbell_upstox import feed, login, pulse, rest, token
from openbell_upstox.simulator.stream import Fault

FOLDER = Path(__file__).parents[1]
README = (FOLDER / "README.md").read_text(encoding="utf-8")

WORDS = [
    *token.State,
    *token.Reason,
    *pulse.State,
    *pulse.Reason,
    *rest.Answer,
    *login.LoginSettings.model_fields,
    *feed.FeedSettings.model_fields,
    login.VERIFY,
    feed.RECONNECT,
]


@pytest.mark.parametrize("word", sorted(set(WORDS)))
def test_the_readme_has_the_word(word) -> None:
    assert f"`{word}`" in README


@pytest.mark.parametrize("state", [*token.MESSAGES])
def test_the_readme_has_each_state_of_the_login_with_its_reason(state) -> None:
    assert "| `{}` | `{}` |".format(*state) in README


@pytest.mark.parametrize("fault", Fault)
def test_the_readme_has_the_fault(fault) -> None:
    assert json.dumps({"fault": fault}) in README


@pytest.mark.parametrize(
    ("machine", "settings"), [("login", login.LoginSettings), ("feed", feed.FeedSettings)]
)
def test_the_sample_is_taken(machine, settings) -> None:
    table = tomllib.loads((FOLDER / "sample.toml").read_text())["machines"][f"upstox-{machine}"]
    own = {key: value for key, value in table.items() if key in settings.model_fields}
    assert settings.model_validate(own).url == "http://127.0.0.1:9100"


def test_the_package_uses_nothing_of_openbell_but_its_api() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (FOLDER / "src").rglob("*.py")]
    used = {
        name
        for text in sources
        for name in re.findall(r"^(?:from|import) ((?:agent|plugins)\S*)", text, re.MULTILINE)
    }
    assert used == {"agent.api"}
