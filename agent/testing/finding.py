"""Finds what to examine in a package: its plugins, its contracts, and kinds that have no contract."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from agent.config.schema import MachineTable, NotifierTable
from agent.errors import PluginError
from agent.hookspecs import PROJECT
from agent.registry import BUILT_IN, Registry
from agent.testing.contract import Contract
from agent.testing.login_contract import LoginContract
from agent.testing.machine_contract import StateMachineContract
from agent.testing.notifier_contract import NotifierContract

SAMPLE = "sample.toml"
"""Beside `pyproject.toml`: a part of `agent.toml` that uses the plugin."""


@dataclass(frozen=True, slots=True)
class Package:
    """A plugin package: its hooks' modules by plugin name, its folder where it has one, its sample."""

    modules: Mapping[str, str]
    folder: Path | None = None
    sample: Mapping[str, Any] | None = None


def open_package(named: str) -> Package:
    """A folder with a `pyproject.toml`, or the name of an installed plugin. Raises `PluginError`."""
    folder = Path(named)
    if (folder / "pyproject.toml").is_file():
        return _open_folder(folder.resolve())
    points = {point.name: point.value for point in entry_points(group=PROJECT)}
    known = BUILT_IN | points
    if named not in known:
        names = ", ".join(sorted(known))
        raise PluginError(
            f"{named}: neither a folder with a pyproject.toml nor an installed plugin (installed: {names})"
        )
    return Package({named: known[named]})


def _open_folder(folder: Path) -> Package:
    project = _toml(folder / "pyproject.toml").get("project", {})
    modules = project.get("entry-points", {}).get(PROJECT, {})
    if not modules:
        raise PluginError(
            f"{folder}/pyproject.toml: no [project.entry-points.{PROJECT}]; name the plugin there"
        )
    for place in (folder, folder / "src"):
        if place.is_dir() and str(place) not in sys.path:
            sys.path.insert(0, str(place))
    sample = folder / SAMPLE
    return Package(modules, folder, _toml(sample) if sample.is_file() else None)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PluginError(f"{path}: {error}") from error


def contracts_of(package: Package) -> Sequence[type[Contract]]:
    """The contracts in the package's tests, and one that we make for each kind which has none."""
    own = list(_written(package.folder / "tests")) if package.folder is not None else []
    covered = {(contract.kind, _family(contract)) for contract in own}
    made = [one for one in _made(package) if (one.kind, _family(one)) not in covered]
    return [*own, *made]


def _family(contract: type[Contract]) -> type[Contract]:
    families = (StateMachineContract, NotifierContract, LoginContract)
    return next(family for family in families if issubclass(contract, family))


def _written(tests: Path) -> Iterator[type[Contract]]:
    """The test classes that derive from a contract. Raises `PluginError` for a file that is no Python."""
    for path in sorted(tests.rglob("test_*.py")):
        module = _import(path)
        yield from (one for one in vars(module).values() if _is_contract(one, module))


def _is_contract(one: object, module: ModuleType) -> bool:
    """Whether pytest would run it: a class of this very file that derives from a contract."""
    if not inspect.isclass(one) or not issubclass(one, Contract):
        return False
    return one.__module__ == module.__name__ and one.__name__.startswith("Test")


def _import(path: Path) -> ModuleType:
    name = f"openbell_examined_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _made(package: Package) -> Iterator[type[Contract]]:
    """A contract for each kind on offer, with the sample's settings; it shows what needs no more."""
    sample = package.sample or {}
    for name, module in package.modules.items():
        offers = _load(name, module)
        for kind in offers.machines:
            yield _make(StateMachineContract, module, kind, _own(sample, "machines", kind))
        for kind in offers.notifiers:
            yield _make(NotifierContract, module, kind, _own(sample, "notifiers", kind))


def _load(name: str, module: str) -> Registry:
    registry = Registry()
    registry.load(name, lambda: importlib.import_module(module), origin="", version=None)
    error = registry.plugins[name].error
    if error is not None:
        raise PluginError(f"the plugin {name!r} ({module}) cannot be loaded: {error}")
    return registry


def _make(family: type[Contract], module: str, kind: str, settings: Mapping[str, object]) -> type[Contract]:
    def read(self: Contract, url: str) -> Mapping[str, object]:
        return settings

    return type("Offered", (family,), {"plugin": module, "kind": kind, "settings": read})


def _own(sample: Mapping[str, Any], tables: str, kind: str) -> Mapping[str, object]:
    """The kind's own keys in the first table of the sample that has it."""
    model = MachineTable if tables == "machines" else NotifierTable
    for table in sample.get(tables, {}).values():
        if isinstance(table, dict) and table.get("kind") == kind:
            return model.model_validate(table).own
    return {}
