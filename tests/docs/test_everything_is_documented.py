"""A hook, an endpoint, a command, a state, a reason, a code or a field that no page names is a fault."""

from __future__ import annotations

import inspect
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

import agent.testing
from agent import abilities, hookspecs
from agent.cli import watcher
from agent.cli.program import program
from agent.clock import SystemClock
from agent.config.loading import load
from agent.config.rule_table import default_table
from agent.config.schema import DeadlineTable
from agent.fleet import document as fleet_document
from agent.fleet import lost
from agent.health import answer, document, self_check
from agent.model import UNKNOWN, CoreReason, Report
from agent.registry import load_plugins
from agent.runtime.agent import Agent
from agent.settings import format_duration
from agent.testing.contract import Contract, checks_of
from agent.testing.grading import Grade
from agent.web.routes import ROUTES
from agent.web.server import WebServer

from .pages import ROOT, page, sections

PLUGINS = sections(page("plugins.md"))
COMMANDS = sections(page("commands.md"))
OPERATIONS = sections(page("operations.md"))
API = page("api.md")
DOCUMENT = sections(page("document.md"))
REGISTRY = load_plugins()
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "openbell_spec")}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_arguments(name: str) -> None:
    hook = HOOKS[name]
    section = PLUGINS[f"`{name}({', '.join(inspect.signature(hook).parameters)})`"]
    kind = getattr(hookspecs, inspect.get_annotations(hook)["register"])
    arguments = list(inspect.signature(kind.__call__).parameters.values())[1:]
    assert list(section.tables()[0]) == [one.name for one in arguments]
    [called] = re.findall(r"`register\((.*?)\)`", section.text.replace("=()", "= "))
    words = re.findall(r"[a-z_]+(?==|,|$| )", re.sub(r'=\s*(None|"[a-z]+")?', "", called))
    assert words == [one.name for one in arguments]


def test_no_page_names_a_hook_that_is_none() -> None:
    assert set(re.findall(r"### `(openbell_\w+)", page("plugins.md"))) == set(HOOKS)


def test_the_context_and_the_report_are_documented() -> None:
    names = {row.partition("(")[0] for row in PLUGINS["The context"].tables()[0]}
    public = {name for name in vars(abilities.Context) if not name.startswith("_")}
    assert names == public | set(abilities.Context.__annotations__)
    assert list(PLUGINS["A machine"].tables()[0]) == list(inspect.signature(Report).parameters)


def test_the_test_kit_is_documented() -> None:
    assert set(PLUGINS["The test kit"].tables()[0]) == set(agent.testing.__all__)


@pytest.mark.parametrize(
    "contract",
    [agent.testing.StateMachineContract, agent.testing.NotifierContract, agent.testing.LoginContract],
)
def test_every_check_of_a_contract_is_documented(contract: type[Contract]) -> None:
    rows = PLUGINS[f"`{contract.__name__}`"].tables()[0]
    checks = {check.name: check for check in checks_of(contract).values()}
    assert list(rows) == list(checks)
    assert [name for name, cells in rows.items() if ("**vital**" in cells[0]) != checks[name].vital] == []


def test_all_that_a_contract_can_say_is_documented() -> None:
    said = {word for cell in re.findall(r"^\| (`[^|]*) \|", PLUGINS["The contracts"].text, re.MULTILINE)
            for word in re.findall(r"`(\w+)", cell)}  # fmt: skip
    families = (
        agent.testing.StateMachineContract,
        agent.testing.NotifierContract,
        agent.testing.LoginContract,
    )
    known = {name for family in families for kind in family.__mro__ for name in vars(kind)}
    assert [name for name in said if name not in known] == []
    declared = {
        name for family in families for kind in family.__mro__ for name in inspect.get_annotations(kind)
    }
    assert declared - {"folder", "clock"} <= said


def test_every_grade_is_documented_as_it_is_told() -> None:
    assert {name: cells[0] for name, cells in PLUGINS["The grades"].tables()[0].items()} == {
        grade.value: grade.meaning for grade in Grade
    }


def test_the_tutorial_shows_the_example_as_it_is() -> None:
    example = ROOT / "examples" / "openbell-positions"
    for name in (
        "pyproject.toml",
        "src/openbell_positions/__init__.py",
        "tests/test_positions.py",
    ):
        assert (example / name).read_text(encoding="utf-8").rstrip() in page("plugins.md"), name


# -- endpoints -------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[dict[tuple[str, str], str]]:
    """The scope of every route that the real server serves."""
    config = tmp_path / "agent.toml"
    shutil.copyfile(ROOT / "agent.toml", config)
    listener = socket.create_server(("127.0.0.1", 0))
    built = Agent(load(config, {}), clock=SystemClock(), base_url="http://127.0.0.1:8000")
    server = WebServer(built, listener=listener, base_url="http://127.0.0.1:8000")
    yield {key: str(route.scope) for key, route in server.app[ROUTES].items()}
    listener.close()


def documented_routes() -> dict[tuple[str, str], str]:
    rows = re.findall(r"^\| `(GET|POST|PUT|DELETE) (\S+)` \| ([a-z]+) \|", API, re.MULTILINE)
    return {(method, path): scope for method, path, scope in rows}


def test_every_endpoint_is_documented_and_no_other(served: dict[tuple[str, str], str]) -> None:
    assert set(documented_routes()) == set(served)


def test_every_endpoint_is_documented_with_its_scope(served: dict[tuple[str, str], str]) -> None:
    act = ("POST", "/api/system/health/{machine}/{action}")
    said = documented_routes()
    # the route takes readers for the sake of `verify`; all other actions ask for control themselves
    assert said.pop(act) == "control"
    served.pop(act)
    assert said == served


# -- commands --------------------------------------------------------------------------------


def commands() -> dict[str, click.Command]:
    context = click.Context(program)
    found = {name: program.get_command(context, name) for name in program.list_commands(context)}
    known = {name: command for name, command in found.items() if command is not None}
    groups = {name: command for name, command in known.items() if isinstance(command, click.Group)}
    return known | {
        f"{name} {below}": command
        for name, group in groups.items()
        for below, command in group.commands.items()
    }


SHARED = {"--config", "--url", "--json"}


@pytest.mark.parametrize("name", commands())
def test_every_command_is_documented_with_its_options(name: str) -> None:
    section = COMMANDS[f"`openbell {name}`"]
    options = {
        longest
        for one in commands()[name].params
        if isinstance(one, click.Option)
        for longest in [max(one.opts, key=len)]
    }
    rows = set().union(*section.tables()) if section.tables() else set()
    assert options - rows <= SHARED
    assert rows <= options
    taken = {"-c": "--config", "--url": "--url", "--json": "--json"}
    for short, long in taken.items():
        said = f"`{short}`" in section.text or long in rows
        assert said == (long in options), f"{name} and {long}"


def test_no_command_is_documented_that_there_is_not() -> None:
    titles = {title.strip("`").removeprefix("openbell ") for title in COMMANDS if "`openbell " in title}
    assert titles == set(commands())


# -- states, reasons, codes ------------------------------------------------------------------


def rows_of_states() -> list[list[str]]:
    lines = [line for line in OPERATIONS["What to do"].text.splitlines() if line.count("|") == 5]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def said_of(role: str) -> tuple[set[str], set[str]]:
    rows = [row for row in rows_of_states() if row[0] == role]
    states = {word for row in rows for word in re.findall(r"`([A-Z_]+)`", row[1])}
    reasons = {word for row in rows for word in re.findall(r"`([A-Z_]+)`", row[2])}
    return states - {UNKNOWN}, reasons


@pytest.mark.parametrize("kind", REGISTRY.machines)
def test_every_state_and_reason_of_a_kind_is_documented(kind: str) -> None:
    offered = REGISTRY.machines[kind]
    states, reasons = said_of(offered.role)
    assert states == offered.states - {UNKNOWN}
    assert offered.reasons <= reasons <= offered.reasons | set(CoreReason)


def test_the_states_and_reasons_of_the_core_are_documented() -> None:
    for machine in (self_check.MACHINE, lost.MACHINE):
        assert said_of(machine.role) == (set(machine.states), set(machine.reasons))
    known = said_of("any")[1] | said_of("market")[1]
    assert set(CoreReason) <= known


def test_every_code_is_documented() -> None:
    codes = {rule.code for rule in default_table()} | {
        answer.STARTING,
        answer.NOTHING,
        lost.CODE,
        DeadlineTable.model_fields["code"].default,
        *(rule["code"] for rule in watcher.overrides("", None, timedelta(seconds=30))["rule",]),
    }
    cells = re.findall(r"^\| (`[^|]*) \|", OPERATIONS["What to do"].text, re.MULTILINE)
    assert codes == {word for cell in cells for word in re.findall(r"`([A-Z_]+)`", cell)}


def test_the_table_of_default_rules_is_the_programs() -> None:
    table = sections(page("rules.md"))["The default rules"].tables()[0]
    assert list(table) == [rule.id for rule in default_table()]
    for rule in default_table():
        code, _, severity, hold, clear, _ = table[rule.id]
        assert code == f"`{rule.code}`"
        assert severity.startswith(rule.severity)
        assert (hold or "0s") == format_duration(rule.hold_for)
        assert (clear or "0s") == format_duration(rule.clear_for)


# -- the document ----------------------------------------------------------------------------

PARTS: dict[str, type[BaseModel]] = {
    "The answer": document.HealthDocument,
    "`cause`": document.CausePart,
    "`action`": document.ActionPart,
    "`market`": document.MarketPart,
    "`blockers[]`": document.BlockerPart,
    "`problems[]`": document.ProblemPart,
    "`machines{}`": document.MachinePart,
    "`agent`": document.AgentPart,
}


FLEET = sections(page("fleet.md"))
FLEET_PARTS: dict[str, type[BaseModel]] = {
    "The document": fleet_document.FleetDocument,
    "`desks[]`": fleet_document.DeskEntry,
    "`agents[]`": fleet_document.AgentEntry,
    "`groups[]`": fleet_document.GroupEntry,
    "`incidents[]`": fleet_document.IncidentEntry,
    "`leases[]`": fleet_document.LeaseEntry,
}


@pytest.mark.parametrize("title", FLEET_PARTS)
def test_every_field_of_the_fleets_document_is_documented(title: str) -> None:
    fields = [field.alias or name for name, field in FLEET_PARTS[title].model_fields.items()]
    said = {name for cell in re.findall(r"^\| (`[^|]*) \|", FLEET[title].text, re.MULTILINE)
            for name in re.findall(r"`(\w+)`", cell)}  # fmt: skip
    assert sorted(said) == sorted(fields)


@pytest.mark.parametrize("title", PARTS)
def test_every_field_of_the_document_is_documented(title: str) -> None:
    fields = [field.alias or name for name, field in PARTS[title].model_fields.items()]
    assert sorted(DOCUMENT[title].tables()[0]) == sorted(fields)


def test_the_parts_of_plugins_and_notifiers_are_documented() -> None:
    rows = DOCUMENT["`agent`"].tables()[0]
    for row, model in (("plugins", document.PluginPart), ("notifiers", document.NotifierPart)):
        assert [name for name in model.model_fields if f"`{name}`" not in rows[row][0]] == []
