"""The beginnings of a plugin package, as `openbell plugins new` writes it: folders of templates.

A file's name loses its `.template`, and `PACKAGE` in a path becomes the module's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from string import Template

from agent.errors import PluginError
from agent.hookspecs import API

HERE = Path(__file__).parent
SUFFIX = ".template"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Shape(StrEnum):
    """What the package offers."""

    MACHINE = "machine"
    NOTIFIER = "notifier"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Names:
    """One plugin's name in all its spellings. Raises `PluginError` for one that cannot be spelled so."""

    plugin: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.plugin):
            raise PluginError(
                f"{self.plugin!r} is no plugin name: expected lower-case words as in 'margin' or 'my-broker'"
            )

    @property
    def project(self) -> str:
        return f"openbell-{self.plugin}"

    @property
    def package(self) -> str:
        return self.project.replace("-", "_")

    @property
    def words(self) -> dict[str, str]:
        """What stands for what in the templates."""
        camel = "".join(word.capitalize() for word in self.plugin.split("-"))
        return {
            "name": self.plugin,
            "project": self.project,
            "package": self.package,
            "Class": camel,
            "ROLE": self.plugin.replace("-", "_"),
            "VARIABLE": self.plugin.replace("-", "_").upper(),
            "api": str(API),
        }


def write(names: Names, shape: Shape, where: Path) -> list[Path]:
    """Write the package into a new folder of `where`; the files. Raises `PluginError` if it is there."""
    folder = where / names.project
    if folder.exists():
        raise PluginError(f"{folder} exists already, and nothing is overwritten; choose another name")
    written = []
    for template in _templates(shape):
        source = HERE / template.parts[0]
        place = folder / _target(template.relative_to(template.parts[0]), names)
        place.parent.mkdir(parents=True, exist_ok=True)
        text = (source / template.relative_to(template.parts[0])).read_text(encoding="utf-8")
        place.write_text(Template(text).substitute(names.words), encoding="utf-8")
        written.append(place)
    return written


def _templates(shape: Shape) -> Iterator[Path]:
    """The shape's files and those of all packages, relative to here."""
    for source in ("common", shape):
        yield from sorted(path.relative_to(HERE) for path in (HERE / source).rglob(f"*{SUFFIX}"))


def _target(template: Path, names: Names) -> Path:
    return Path(str(template).removesuffix(SUFFIX).replace("PACKAGE", names.package))
