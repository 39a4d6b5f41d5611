"""Completes, for a shell, the names that a configuration gives; no plugin is imported for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

Complete = Callable[[click.Context, click.Parameter, str], list[str]]
Tables = Iterator[tuple[str, Mapping[str, object]]]


def named(table: str) -> Complete:
    """The names in a table such as `[notifiers.NAME]`."""
    return _completing(lambda values: (name for name, _ in _tables(values, table)))


def grouped(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """The groups of the machines."""
    complete = _completing(lambda values: (one.get("group") for _, one in _tables(values, "machines")))
    return complete(context, parameter, begun)


def ruled(key: str) -> Complete:
    """The ids or the codes of the rules and deadlines that hold."""

    def words(values: Mapping[str, object]) -> Iterator[object]:
        yield from (one.get(key) for table in ("rule", "deadline") for _, one in _tables(values, table))
        if not values.get("rule"):
            from agent.config.rule_table import default_table

            yield from (getattr(rule, key) for rule in default_table())

    return _completing(words)


def _completing(words: Callable[[Mapping[str, object]], Iterator[object]]) -> Complete:
    def complete(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
        from agent.config.glancing import glance

        found = words(glance(Path(context.params.get("config") or "agent.toml")))
        return sorted({word for word in found if isinstance(word, str) and word.startswith(begun)})

    return complete


def _tables(values: Mapping[str, object], key: str) -> Tables:
    """The tables under a key, by name where they have one; what is no table is passed over."""
    found = values.get(key)
    named = found.items() if isinstance(found, dict) else enumerate(found if isinstance(found, list) else [])
    return ((str(name), one) for name, one in named if isinstance(one, dict))
