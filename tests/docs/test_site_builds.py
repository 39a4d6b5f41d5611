"""The built site: without a warning, every page in its place, and nothing asked of another host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.async_api import async_playwright, expect

from .pages import ROOT

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE_MS = 20_000


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of its parent
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_every_page_of_the_project_is_in_the_site(site: Path) -> None:
    folders = ("docs", "plugins", "benchmarks")
    pages = [page.relative_to(ROOT) for folder in folders for page in (ROOT / folder).glob("**/*.md")]
    built = {
        page: site / page.with_name(page.name.replace("README", "index")).with_suffix(".html")
        for page in pages
    }
    assert [page for page, file in built.items() if not file.exists()] == []


async def test_a_reader_finds_a_state_and_no_other_host_is_asked(address: str) -> None:
    asked: set[str] = set()
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{address}/index.html")
        await page.locator(".md-search__input").press_sequentially("awaiting_credential")
        found = page.locator(".md-search-result__item a").first
        await expect(found).to_be_visible(timeout=PATIENCE_MS)
        await found.click()
        await expect(page.locator("article")).to_contain_text("AWAITING_CREDENTIAL", timeout=PATIENCE_MS)
        await browser.close()
    assert asked == {urlsplit(address).netloc}
    assert complaints == []
