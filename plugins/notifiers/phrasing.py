"""Finds the words for a notice: the operator's where templates make them, else the built-in ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.api import Clock, Notice, Receipt
from plugins.notifiers.templates.settings import TemplatedSettings
from plugins.notifiers.wording import TITLE_LIMIT, Wording, clean, cleaned_lines, word

REMARK_LIMIT = 200


class Phrasing:
    """The words of one notifier.

    `escapes` has, for each sign that means something in its medium, what shows it literally: they
    are for the values that a template puts in, and not for the template's own text.
    """

    def __init__(
        self, settings: TemplatedSettings, clock: Clock, base_url: str, escapes: Mapping[str, str]
    ) -> None:
        self._zone = settings.zone
        self._clock = clock
        self._base_url = base_url
        self._escapes = escapes
        self._sources = {
            "title": settings.title_template,
            "body": settings.template,
            "html": getattr(settings, "html_template", None),
        }

    async def word(self, notice: Notice) -> Wording:
        """The words; if a template fails they are the built-in ones, with a remark that says so."""
        wording = word(notice, zone=self._zone, base_url=self._base_url)
        if not any(self._sources.values()):
            return wording
        from plugins.notifiers.templates.rendering import TemplateError

        try:
            return _filled_in(wording, await self._render(notice, wording))
        except TemplateError as error:
            why = clean(str(error), REMARK_LIMIT)
            return replace(wording, remark=f"told in the built-in words, because the template failed: {why}")

    async def _render(self, notice: Notice, wording: Wording) -> dict[str, str]:
        from plugins.notifiers.templates.rendering import Template, render
        from plugins.notifiers.templates.variables import variables

        escapes = {"title": {}, "body": self._escapes, "html": HTML}
        templates = {name: Template(text, escapes[name]) for name, text in self._sources.items() if text}
        values = variables(notice, wording, zone=self._zone, base_url=self._base_url)
        return await render(templates, values, self._clock)


HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}


def receipt(status: str, wording: Wording, id_: str | None = None) -> Receipt:
    """The receipt for a notice that was taken in these words."""
    return Receipt(status=status, id=id_, remark=wording.remark)


def _filled_in(wording: Wording, texts: Mapping[str, str]) -> Wording:
    """The words with the rendered ones in their places; an empty text takes nobody's place."""
    return replace(
        wording,
        title=clean(texts.get("title", ""), TITLE_LIMIT) or wording.title,
        body=cleaned_lines(texts.get("body", "")) or None,
        html=cleaned_lines(texts.get("html", "")) or None,
    )
