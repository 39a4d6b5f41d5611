"""The words of closed sets, which people meet on pages, in notices and in answers, are each on their page."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import BaseModel

from agent.alerts.letters import LetterState
from agent.config.loading import load
from agent.config.rule_table import ACTIONS
from agent.config.schema import EscalationTable, QuietTable
from agent.errors import ConfigError
from agent.health.stages import Stage
from agent.model import Expectation, NoticeReason, NoticeType, Severity, Subject
from agent.registry import load_plugins
from agent.simulator.faults import FEED_FAULTS, REST_FAULTS

from .pages import ROOT, page, sections

DONE = {f"{kind.role}/{action}" for kind in load_plugins().machines.values() for action in kind.actions}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        pytest.param(NoticeReason, "docs/notices.md", id="why a notice is sent"),
        pytest.param(NoticeType, "plugins/notifiers/webhook/README.md", id="what a notice is"),
        pytest.param(LetterState, "docs/api.md", id="where a letter stands"),
        pytest.param(Subject, "docs/api.md", id="what a transition is of"),
        pytest.param(Stage, "docs/document.md", id="the phases of a problem"),
        pytest.param(Severity, "docs/document.md", id="severities"),
        pytest.param(Expectation, "docs/configuration.md", id="what is expected of a feed"),
        pytest.param(ACTIONS, "docs/configuration.md", id="the actions of rules"),
        pytest.param(DONE, "docs/api.md", id="the actions of machines"),
        pytest.param([*FEED_FAULTS, *REST_FAULTS], "agent/simulator/README.md", id="faults"),
    ],
)
def test_every_word_of_a_closed_set_is_documented(words: Iterable[str], name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert [word for word in words if f"`{word}`" not in text and f'"{word}"' not in text] == []


def test_what_is_said_of_several_files_is_what_the_program_says(tmp_path: Path) -> None:
    config, more = tmp_path / "agent.toml", tmp_path / "agent.d" / "50-mail.toml"
    more.parent.mkdir()
    more.write_text("\n[server]\nport = 8001\n")
    shutil.copyfile(ROOT / "agent.toml", config)
    with pytest.raises(ConfigError) as refused:
        load(config, {})
    assert str(refused.value).replace(f"{tmp_path}/", "") in page("configuration.md")


@pytest.mark.parametrize("model", [EscalationTable, QuietTable])
def test_every_key_within_a_route_is_documented(model: type[BaseModel]) -> None:
    text = sections(page("configuration.md"))["`[[route]]`"].text
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert [key for key in keys if f"`{key}`" not in text] == []
