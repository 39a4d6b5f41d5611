"""Links lead somewhere, examples in TOML are TOML, and whole files in the docs load."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from agent.config.loading import load
from agent.config.rule_table import as_deadline_rules, as_rule
from agent.config.schema import DeadlineTable, RuleTable

from .pages import DOCS, ROOT, outside_fences

PAGES = sorted(
    path
    for folder in (".", "docs", "plugins", "agent", "examples", "benchmarks")
    for path in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
    if "node_modules" not in path.parts
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[\[?[^\[\]]*\]?\])*\]\(([^)\s]+)\)")
ENVIRONMENT = {
    "KITE_API_KEY": "key",
    "KITE_API_SECRET": "secret",
    "SLACK_WEBHOOK_URL": "https://hooks.example.com/services/T0/B0/x",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> list[str]:
    found = FENCE.findall(path.read_text(encoding="utf-8"))
    return [text for kind, text in found if kind == language]


def anchors(path: Path) -> set[str]:
    """What GitHub makes of the headings."""
    titles = re.findall(r"^#+ (.+)$", outside_fences(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_link_within_the_project_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(outside_fences(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_example_in_toml_and_json_can_be_read(path: Path) -> None:
    for text in blocks(path, "toml"):
        tomllib.loads(text)
    if path.is_relative_to(DOCS):
        for text in blocks(path, "json"):
            json.loads(text)


WHOLE = [
    pytest.param(text, id=f"{path.name}-{number}")
    for path in PAGES
    for number, text in enumerate(blocks(path, "toml"))
    if text.startswith("# agent.toml\n") and "[machines.market]" in text
]


@pytest.mark.parametrize("text", WHOLE)
def test_every_whole_file_in_the_docs_loads(text: str, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(text)
    assert load(config, ENVIRONMENT).ruleset.session is not None


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=name_of)
def test_every_rule_and_deadline_in_the_docs_is_one(path: Path) -> None:
    for text in blocks(path, "toml"):
        tables = tomllib.loads(text)
        for rule in tables.get("rule", []):
            as_rule(RuleTable.model_validate(rule))
        for deadline in tables.get("deadline", []):
            as_deadline_rules(DeadlineTable.model_validate(deadline))


def test_there_is_a_whole_file_in_the_docs() -> None:
    assert WHOLE


def test_every_page_of_the_docs_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert [
        page.name for page in DOCS.glob("*.md") if page.name != "index.md" and page.name not in index
    ] == []
    records = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    here = [record.name for record in (DOCS / "decisions").glob("*.md") if record.name != "index.md"]
    assert [name for name in here if f"({name})" not in records] == []


def test_the_readme_names_the_commands_of_a_stranger() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "**The test command is `make test`.**" in readme
    assert {"make demo", "make test"} <= set(re.findall(r"make \w+", readme))


def test_every_benchmark_has_its_figures() -> None:
    figures = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    scripts = [script.name for script in (ROOT / "benchmarks").glob("*.py")]
    assert [name for name in scripts if f"python benchmarks/{name}" not in figures] == []
