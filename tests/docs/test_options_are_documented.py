"""Every key of `agent.toml`, the plugins' included, is in docs/configuration.md with its default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agent.config import schema
from agent.config.credentials import CredentialSettings
from agent.registry import load_plugins
from agent.settings import format_duration
from plugins.auth.settings import RolloverSettings

from .pages import Section, page, sections

CONFIGURATION = sections(page("configuration.md"))
TABLES_OF_THE_FILE = {
    "[server]": schema.Server,
    "[store]": schema.StoreTable,
    "[simulator]": schema.EmbeddedSimulator,
    "[plugins]": schema.Plugins,
    "[machines.NAME]": schema.MachineTable,
    "[notifiers.NAME]": schema.NotifierTable,
    "[network]": schema.NetworkTable,
    "[readiness]": schema.Readiness,
    "[[rule]]": schema.RuleTable,
    "[[deadline]]": schema.DeadlineTable,
    "[[remedy]]": schema.RemedyTable,
    "[deadman]": schema.DeadManTable,
    "[telemetry]": schema.TelemetryTable,
    "[[route]]": schema.RouteTable,
    "[flapping]": schema.FlappingTable,
}
REGISTRY = load_plugins()
KINDS = {
    f'kind = "{kind.kind}"': kind.settings
    for kind in [*REGISTRY.machines.values(), *REGISTRY.notifiers.values()]
}
CREDENTIALS = get_args(get_args(CredentialSettings)[0])
SEE_BELOW = "see below"


def as_toml(value: Any) -> str:
    """A default as `agent.toml` writes it."""
    if isinstance(value, timedelta):
        value = format_duration(value)
    elif isinstance(value, time):
        value = f"{value:%H:%M}"
    elif isinstance(value, Mapping) and value:
        return "{ " + ", ".join(f"{key} = {as_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


def default_of(field: FieldInfo) -> str:
    """A default as the page has it."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "none" if value is None else f"`{as_toml(value)}`"


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def compare(table: dict[str, list[str]], model: type[BaseModel]) -> None:
    keys = keys_of(model)
    assert set(table) == set(keys), f"{model.__name__}: the page and the program have other keys"
    said = {key: cells[0] for key, cells in table.items() if cells[0] != SEE_BELOW}
    assert said == {key: default_of(keys[key]) for key in said}, f"{model.__name__}: another default"


@pytest.mark.parametrize(
    ("title", "model"),
    [pytest.param(title, model, id=title) for title, model in TABLES_OF_THE_FILE.items()],
)
def test_every_key_of_a_table_is_documented_with_its_default(title: str, model: type[BaseModel]) -> None:
    compare(CONFIGURATION[f"`{title}`"].tables()[0], model)


@pytest.mark.parametrize(
    ("title", "model"), [pytest.param(title, model, id=title) for title, model in KINDS.items()]
)
def test_every_key_of_a_kind_is_documented_with_its_default(title: str, model: type[BaseModel]) -> None:
    compare(CONFIGURATION[f"`{title}`"].tables()[0], model)


def test_the_rollover_is_documented() -> None:
    compare(CONFIGURATION['`kind = "kite-login"`'].tables()[1], RolloverSettings)


def test_every_source_of_a_credential_is_documented() -> None:
    tables = CONFIGURATION["`[credentials.NAME]`"].tables()
    assert len(tables) == len(CREDENTIALS)
    for table, model in zip(tables, CREDENTIALS, strict=True):
        compare(table, model)


def test_the_top_of_the_file_is_documented() -> None:
    section: Section = CONFIGURATION["The top of the file"]
    table = section.tables()[0]
    keys = keys_of(schema.AgentSettings)
    assert {key: cells[0] for key, cells in table.items()} == {key: default_of(keys[key]) for key in table}
    others = [key for key in keys if key not in table and f"`{key}`" not in section.text]
    assert others == []
