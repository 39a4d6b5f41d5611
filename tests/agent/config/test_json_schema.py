"""The schema of `agent.toml` takes what the program takes, and refuses what it refuses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match
from pydantic import BaseModel

from agent.config.docstrings import field_docstrings
from agent.config.json_schema import json_schema
from agent.config.schema import Server
from agent.registry import load_plugins

ROOT = Path(__file__).parents[3]
SHIPPED = (ROOT / "agent.toml").read_text()
REGISTRY = load_plugins()
SCHEMA = json_schema(REGISTRY)
VALIDATOR = Draft7Validator(SCHEMA)
SAMPLES = [*ROOT.glob("plugins/*/*/sample.toml"), *ROOT.glob("tests/cases/*/agent.toml"), ROOT / "agent.toml"]


def uncommented(text: str) -> str:
    """The shipped file with all that it proposes."""
    return re.sub(r"^# (?=\[|[a-z_.]+ = )", "", text, flags=re.MULTILINE)


def faults(text: str) -> list[str]:
    return [f"{one.json_path}: {one.message}" for one in VALIDATOR.iter_errors(tomllib.loads(text))]


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_we_ship_is_taken(path: Path) -> None:
    assert faults(path.read_text()) == []


def test_what_the_shipped_file_proposes_is_taken() -> None:
    text = uncommented(SHIPPED)
    assert "[notifiers.mail]" in text.splitlines()
    assert faults(text) == []


def test_the_whole_file_of_the_documentation_is_taken() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "configuration.md").read_text(), re.DOTALL)
    assert [faults(block) for block in blocks if block.startswith("# agent.toml")] == [[]]


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        pytest.param("[simulator]", "[simulater]", "$", id="an unknown table"),
        pytest.param("stale_after", "stale_aftr", "$.machines.feed", id="an unknown key of a plugin"),
        pytest.param('stale_after = "10s"', 'stale_after = "10"', "$.machines.feed", id="no duration"),
        pytest.param('every = "10s"', "every = 10", "$.machines.feed", id="a bare number"),
        pytest.param('"kite-feed"', '"kite-fed"', "$.machines.feed", id="an unknown kind"),
        pytest.param('api_key = "demo" ', "", "$.machines.auth", id="a required key"),
        pytest.param("[machines.feed]", "[machines.Feed]", "$.machines", id="no name"),
        pytest.param("port = 8000", "port = 80000", "$.server.port", id="no port"),
        pytest.param('severity = "critical"', 'severity = "bad"', "$.rule[0].severity", id="no severity"),
        pytest.param('LIVE = "data"', 'LIVE = "ticks"', "$.machines.feed", id="no expectation"),
        pytest.param('source = "env-file"', 'source = "vault"', "$.credentials.kite", id="no source"),
        pytest.param('id = "auth-required"', "", "$.rule[0]", id="a rule without a name"),
    ],
)
def test_a_fault_is_found_where_it_is(before: str, after: str, where: str) -> None:
    assert before in SHIPPED
    fault = best_match(VALIDATOR.iter_errors(tomllib.loads(SHIPPED.replace(before, after, 1))))
    assert fault is not None
    assert fault.json_path.startswith(where)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param('api_key = "demo" ', 'api_key = "${KITE_API_KEY}" ', id="a bounded text"),
        pytest.param("port = 8000", 'port = "${PORT}"', id="a number"),
        pytest.param('stale_after = "10s"', 'stale_after = "${PATIENCE}"', id="a duration"),
        pytest.param('[machines.auth]', '[machines.auth]\nrollover = { at = "06:30" }', id="a time of day"),
        pytest.param('[machines.feed]', "[machines.feed]\ncanaries = [256265]", id="a list of tokens"),
        pytest.param('when = { feed = ["STALE"]', 'when = { feed = "STALE"', id="a single state"),
    ],
)  # fmt: skip
def test_other_ways_to_write_a_value_are_taken(before: str, after: str) -> None:
    assert before in SHIPPED
    assert faults(SHIPPED.replace(before, after, 1)) == []


def test_defaults_are_written_as_the_file_writes_them_and_nothing_is_null() -> None:
    feed = SCHEMA["definitions"]["machines.kite-feed"]["properties"]
    assert (feed["stale_after"]["default"], feed["every"]["default"]) == ("10s", "15s")
    assert SCHEMA["definitions"]["RolloverSettings"]["properties"]["at"]["default"] == "06:00"
    assert '"null"' not in str(SCHEMA).replace("'", '"')


def test_every_kind_of_the_plugins_has_its_table_with_the_words_of_its_author() -> None:
    tables = {name for name in SCHEMA["definitions"] if "." in name}
    assert tables == {f"machines.{kind}" for kind in REGISTRY.machines} | {
        f"notifiers.{kind}" for kind in REGISTRY.notifiers
    }
    hook = SCHEMA["definitions"]["notifiers.webhook"]["properties"]
    assert "loopback and private addresses" in hook["allow_private"]["description"]


def test_docstrings_of_fields_are_found_and_a_model_without_a_source_has_none() -> None:
    assert "behind a proxy" in field_docstrings(Server)["url"]
    made: dict[str, type[BaseModel]] = {}
    exec("from pydantic import BaseModel\nclass Made(BaseModel):\n    x: int = 1\n", made)
    assert field_docstrings(made["Made"]) == {}
