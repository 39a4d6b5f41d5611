"""Takes secrets out of what plugins say, before anything of it is kept, shown or sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.model import Json, Report

Clean = Callable[[str], str]
"""Gives a text without the secrets in it."""


def clean_report(report: Report, clean: Clean) -> Report:
    """The report without secrets in its message and attributes; the very same if there are none.

    A broker may quote a token in its answer, and a plugin its password in an error.
    """
    told = json.dumps(report.attributes, ensure_ascii=False)
    message, is_clean = clean(report.message), clean(told) == told
    if message == report.message and is_clean:
        return report
    attributes = {clean(name): _cleaned(value, clean) for name, value in report.attributes.items()}
    return replace(report, message=message, attributes=attributes)


def _cleaned(value: Json, clean: Clean) -> Json:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(name): _cleaned(part, clean) for name, part in value.items()}
    return [_cleaned(part, clean) for part in value] if isinstance(value, list | tuple) else value
