"""How the banner's module is served, and that its types are those of the document."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import agent.web
from agent.health import document

STATIC = Path(agent.web.__file__).parent / "static"
TYPES = (STATIC / "banner.d.ts").read_text(encoding="utf-8")
PACKED_LIMIT = 11_000


async def test_the_module_is_served_packed_with_a_tag_and_a_week_of_grace(open_web_desk) -> None:
    async with open_web_desk() as desk:
        for path, kind in (("/banner.js", "text/javascript"), ("/banner.d.ts", "text/plain")):
            plain = {"Accept-Encoding": "identity"}
            async with desk.browser.session.get(desk.url + path, headers=plain) as answer:
                assert await answer.read() == (STATIC / path[1:]).read_bytes()
                assert (answer.status, answer.content_type) == (200, kind)
                assert "Content-Encoding" not in answer.headers
                tag = answer.headers["ETag"]
            async with desk.browser.session.get(desk.url + path) as answer:
                assert answer.headers["Content-Encoding"] == "gzip"
                assert answer.headers["ETag"] not in ("", tag)
                assert "stale-while-revalidate=604800" in answer.headers["Cache-Control"]
                assert "Accept-Encoding" in answer.headers["Vary"]
            known = plain | {"If-None-Match": tag}
            async with desk.browser.session.get(desk.url + path, headers=known) as answer:
                assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag)


def test_the_module_is_small_and_stands_alone() -> None:
    body = (STATIC / "banner.js").read_bytes()
    assert len(gzip.compress(body)) < PACKED_LIMIT
    assert re.findall(rb"^import |\bimport\(|innerHTML|insertAdjacentHTML", body, re.MULTILINE) == []


INTERFACES: dict[str, type[BaseModel]] = {
    "HealthDocument": document.HealthDocument,
    "Action": document.ActionPart,
    "Market": document.MarketPart,
    "Blocker": document.BlockerPart,
    "Problem": document.ProblemPart,
    "Machine": document.MachinePart,
}


@pytest.mark.parametrize("name", INTERFACES)
def test_the_types_have_every_field_of_the_document(name: str) -> None:
    body = TYPES.partition(f"export interface {name} {{")[2].partition("\n}")[0]
    declared = re.findall(r"^  (\w+): ", body, re.MULTILINE)
    fields = [field.alias or key for key, field in INTERFACES[name].model_fields.items()]
    assert sorted(declared) == sorted(fields)
