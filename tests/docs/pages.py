"""The pages of the documentation as the tests read them: sections, and the tables in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HEADING = re.compile(r"^(#+) (.+)$")


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, up to the next heading of any level."""

    level: int
    title: str
    text: str

    def tables(self) -> list[dict[str, list[str]]]:
        """Each table of the section: by the name in its first cell, the other cells."""
        found: list[dict[str, list[str]]] = []
        inside = False
        for line in self.text.splitlines():
            if not line.startswith("|"):
                inside = False
                continue
            if not inside:
                found.append({})
            inside = True
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if cells[0].startswith("`"):
                found[-1][cells[0].split("`")[1]] = cells[1:]
        return found


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def outside_fences(text: str) -> str:
    """The text without its code blocks, in which a `#` is no heading."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def sections(text: str) -> dict[str, Section]:
    """The sections of a page, by title."""
    found: dict[str, Section] = {}
    level, title, lines = 0, "", []
    fenced = False
    for line in [*text.splitlines(), "# "]:
        fenced ^= line.startswith("```")
        heading = None if fenced else HEADING.match(line)
        if heading or line == "# ":
            found[title] = Section(level, title, "\n".join(lines))
            level, title, lines = (len(heading[1]), heading[2], []) if heading else (0, "", [])
        else:
            lines.append(line)
    return found
