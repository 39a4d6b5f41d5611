"""`openbell plugins test` finds what to examine, says each result, and exits as the grade deserves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli.program import program

PROJECT = """
[project]
name = "openbell-lamp"
version = "1"
[project.entry-points.openbell]
lamp = "{module}"
"""

LAMP = """
from agent.api import Report, Settings, hookimpl

class Table(Settings):
    watts: int

class Lamp:
    def __init__(self, settings, context):
        self.clock = context.clock

    def probe(self):
        return Report(state={state!r}, reason="LIT", observed_at=self.clock.now())

@hookimpl
def openbell_state_machines(register):
    register("lamp", Lamp, settings=Table, role="lamp", states=["ON"], reasons=["LIT"])
"""

CONTRACT = """
from agent.testing import StateMachineContract

class TestLamp(StateMachineContract):
    plugin = "{module}"
    kind = "lamp"
    healthy = ("{state}", "LIT")
    does_not_apply = {{"troubles": "it is a lamp"}}

    def settings(self, url):
        return {{"watts": 5}}
"""

SAMPLE = '[machines.lamp]\nkind = "lamp"\nevery = "1s"\nwatts = 5\n'


class Package:
    """A package on disk, to be filled and graded."""

    def __init__(self, folder: Path, module: str) -> None:
        self.folder, self.module = folder, module
        self.put("pyproject.toml", PROJECT)
        self.put(f"src/{module}.py", LAMP, state="ON")

    def put(self, path: str, text: str, **words: object) -> None:
        place = self.folder / path
        place.parent.mkdir(exist_ok=True)
        place.write_text(text.format(module=self.module, **words) if "{" in text else text)

    def test(self) -> Result:
        return CliRunner().invoke(program, ["plugins", "test", str(self.folder)])


@pytest.fixture
def package(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Package]:
    module = f"lamp_{abs(hash(request.node.name))}"
    former = list(sys.path)
    yield Package(tmp_path, module)
    sys.path[:] = former
    for name in [name for name in sys.modules if name == module or name.startswith("openbell_examined_")]:
        del sys.modules[name]


def test_a_package_with_a_contract_that_it_keeps_is_graded_a(package: Package) -> None:
    package.put("tests/test_lamp.py", CONTRACT, state="ON")
    told = package.test()
    assert (told.exit_code, "grade A" in told.output) == (0, True), told.output
    assert "lamp (TestLamp)\n  passed          Every report, in any weather" in told.output
    assert "is told for what it is: it is a lamp" in told.output
    assert "badge/openbell%20conformance-A-" in told.output


def test_a_kind_without_a_contract_is_held_to_one_with_the_settings_of_its_sample(package: Package) -> None:
    package.put("sample.toml", SAMPLE)
    told = package.test()
    assert (told.exit_code, "grade B" in told.output) == (0, True), told.output
    assert "passed          No task, thread or socket" in told.output
    assert "not shown       A 401 is told for what it is: say what it calls this" in told.output


def test_without_contract_and_sample_little_is_shown(package: Package) -> None:
    told = package.test()
    assert (told.exit_code, "gives no usable table for 'lamp': watts" in told.output) == (0, True)


def test_a_wrong_answer_is_graded_c(package: Package) -> None:
    package.put("tests/test_lamp.py", CONTRACT, state="OFF")
    text = (package.folder / "tests/test_lamp.py").read_text() + "    patience_s = 0.3\n"
    (package.folder / "tests/test_lamp.py").write_text(text)
    told = package.test()
    assert (told.exit_code, "grade C" in told.output) == (1, True), told.output


def test_a_report_that_is_none_is_graded_f(package: Package) -> None:
    package.put(f"src/{package.module}.py", LAMP, state="PURPLE")
    package.put("sample.toml", SAMPLE)
    told = package.test()
    assert (told.exit_code, "grade F" in told.output) == (1, True), told.output
    assert "state 'PURPLE' was not declared for lamp" in told.output


@pytest.mark.parametrize(
    ("path", "text", "word"),
    [
        ("tests/test_lamp.py", "import nothing_of_the_kind", "nothing_of_the_kind"),
        ("pyproject.toml", '[project]\nname = "lamp"', "no [project.entry-points.openbell]"),
        ("pyproject.toml", "[project", "pyproject.toml: "),
        ("pyproject.toml", '[project.entry-points.openbell]\nlamp = "no_such_lamp"', "no_such_lamp"),
    ],
)
def test_a_package_that_cannot_be_examined_is_refused(package: Package, path, text, word) -> None:
    package.put(path, text)
    told = package.test()
    assert (told.exit_code, word in told.output) == (2, True), told.output


def test_a_name_that_nobody_has_is_refused_with_those_installed() -> None:
    told = CliRunner().invoke(program, ["plugins", "test", "lampshade"])
    assert (told.exit_code, "installed: auth, feed, market" in told.output) == (2, True), told.output
