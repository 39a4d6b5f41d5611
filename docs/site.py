"""The pages of the built site: every page of the repository, at its own place, so that links hold in both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
SHOWN = (
    "*.md",
    "docs/**/*.md",
    "plugins/**/README.md",
    "examples/*/README.md",
    "agent/simulator/README.md",
    "benchmarks/README.md",
    "tests/cases/README.md",
)
LINK = re.compile(r"\]\(([^)\s#:]+)")
"""The target of a link within the project."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Called by MkDocs at first: a pattern in the `nav` stands for the pages that fit it."""
    config.nav = [_expanded(part) for part in config.nav or []]
    return config


def _expanded(part: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
    [(title, pages)] = part.items()
    return part if isinstance(pages, str) else {title: list(dict.fromkeys(_fitting(pages)))}


def _fitting(pages: list[str]) -> Iterator[str]:
    for page in pages:
        if "*" not in page:
            yield page
        else:
            yield from sorted(found.relative_to(ROOT).as_posix() for found in ROOT.glob(page))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs with what it found in `docs`, beside which the theme's files stay."""
    theirs = [one for one in files if one.src_dir != config.docs_dir]
    return Files([*theirs, *_ours(config)])


def _ours(config: MkDocsConfig) -> Iterator[File]:
    pages = {page for pattern in SHOWN for page in ROOT.glob(pattern)}
    linked = {file for page in pages for file in _linked(page)}
    for path in sorted(pages | linked):
        yield File(
            path.relative_to(ROOT).as_posix(),
            src_dir=str(ROOT),
            dest_dir=config.site_dir,
            use_directory_urls=config.use_directory_urls,
        )


def _linked(page: Path) -> Iterator[Path]:
    """What a page shows or leads to that is no page: the site has it as it is."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        file = (page.parent / target).resolve()
        if file.is_file() and file.suffix != ".md" and file.is_relative_to(ROOT):
            yield file
