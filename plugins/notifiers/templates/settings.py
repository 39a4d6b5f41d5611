"""The templates that every notifier for people can be given."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from plugins.notifiers.settings import NotifierSettings, Zone, needs


def _template(text: str) -> str:
    needs("jinja2", extra="templates")
    from plugins.notifiers.templates.rendering import Template, TemplateError, check
    from plugins.notifiers.templates.variables import KNOWN

    try:
        check(Template(text), KNOWN)
    except TemplateError as error:
        raise ValueError(f"the template cannot be used: {error}") from None
    return text


TemplateText = Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(_template)]
"""A Jinja2 template, checked when the file is read."""


class TemplatedSettings(NotifierSettings):
    """What a notifier for people can be told about its words."""

    zone: Zone = "Asia/Kolkata"
    title_template: TemplateText | None = None
    """One line in place of the title."""
    template: TemplateText | None = None
    """In place of the message, the facts and the machines; link and reference stay."""
