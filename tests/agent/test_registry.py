"""Plugins come in by entry point, one at a time, at their own risk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.registry import BUILT_IN, load_plugins

GOOD = """
from agent.api import Report, Settings, hookimpl

class Blank(Settings):
    pass

@hookimpl
def openbell_state_machines(register):
    register("{kind}", lambda settings, context: None, settings=Blank, role="positions",
             states=["FLAT"], reasons=["R"])
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package with an entry point on the path, as an installer does."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = []

    def put(name: str, source: str, version: str = "1.2") -> None:
        module = f"stranger_{name}"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(source)
        folder = Path(tmp_path / f"openbell_{name}-{version}.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: openbell-{name}\nVersion: {version}\n"
        )
        (folder / "entry_points.txt").write_text(f"[openbell]\n{name} = {module}\n")

    yield put
    for module in modules:
        sys.modules.pop(module, None)


def test_the_built_in_plugins_are_loaded() -> None:
    registry = load_plugins()
    assert {name: one.state for name, one in registry.plugins.items()} == dict.fromkeys(BUILT_IN, "loaded")


def test_an_installed_plugin_is_listed_and_not_imported(install) -> None:
    install("positions", "raise RuntimeError('imported')")
    listed = load_plugins().plugins["positions"]
    assert (listed.state, listed.origin, listed.version, listed.error) == (
        "available",
        "openbell-positions",
        "1.2",
        None,
    )
    assert Path(listed.location or "").name == "stranger_positions.py"


def test_a_named_plugin_offers_its_kinds(install) -> None:
    install("positions", GOOD.format(kind="positions"))
    registry = load_plugins(["positions"])
    kind = registry.machines["positions"]
    assert (kind.plugin, kind.role, kind.states) == ("positions", "positions", {"FLAT"})
    assert registry.plugins["positions"].state == "loaded"


@pytest.mark.parametrize(
    ("source", "word"),
    [
        pytest.param("import no_such_package", "no_such_package", id="cannot be imported"),
        pytest.param("raise SystemExit(3)", "SystemExit", id="exits"),
        pytest.param("x = (", "SyntaxError", id="is no Python"),
        pytest.param(
            "from agent.api import hookimpl\n@hookimpl\ndef openbell_state_machines(register):\n    1 / 0\n",
            "ZeroDivisionError",
            id="raises in a hook",
        ),
        pytest.param(
            "from agent.api import hookimpl\n@hookimpl\ndef openbell_dreams(register): pass\n",
            "openbell_dreams",
            id="an unknown hook",
        ),
        pytest.param(
            "from agent.api import hookimpl\n@hookimpl\ndef openbell_rules(register, extra): pass\n",
            "extra",
            id="an argument that no hook has",
        ),
        pytest.param(GOOD.format(kind="kite-feed"), "feed's already", id="a kind that is taken"),
        pytest.param(
            GOOD.format(kind="lamp") + "openbell_api = 2\n",
            "openbell_api = 2: this openbell has version 1 of agent.api; install a release",
            id="made for another openbell",
        ),
        pytest.param(GOOD.format(kind="agent"), "core's own", id="a reserved kind"),
    ],
)
def test_a_broken_plugin_costs_itself_alone_and_is_listed_with_its_error(install, source, word) -> None:
    install("broken", source)
    install("positions", GOOD.format(kind="positions"))
    registry = load_plugins(["broken", "positions"])
    broken = registry.plugins["broken"]
    assert broken.state == "failed"
    assert word in (broken.error or "")
    assert "positions" in registry.machines
    assert "kite-feed" in registry.machines


def test_a_plugin_may_say_which_version_of_the_api_it_needs(install) -> None:
    install("positions", GOOD.format(kind="positions") + "openbell_api = 1\n")
    assert load_plugins(["positions"]).plugins["positions"].state == "loaded"


def test_what_a_plugin_registered_before_it_raised_is_dropped(install) -> None:
    install("half", GOOD.format(kind="half") + "    raise ValueError('late')\n")
    registry = load_plugins(["half"])
    assert "half" not in registry.machines


def test_a_built_in_plugin_cannot_be_shadowed(install) -> None:
    install("market", GOOD.format(kind="market"))
    registry = load_plugins(["market"])
    assert registry.plugins["market"].origin == "built in"
    assert registry.machines["market"].role == "market"


def test_a_name_that_is_not_installed_is_listed_as_failed() -> None:
    listed = load_plugins(["nowhere"]).plugins["nowhere"]
    assert (listed.state, listed.origin) == ("failed", "not installed")
