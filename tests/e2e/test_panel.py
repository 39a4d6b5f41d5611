"""A plugin's panel on the status page: its values as text, and nothing of it as markup or script."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import async_playwright, expect

CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 20_000
SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()

PLUGIN = """
from agent.api import Report, RouteAnswer, Settings, hookimpl

class Blank(Settings):
    pass

class Book:
    def __init__(self, settings, context):
        self.context, self.held = context, 1234.5
    async def probe(self):
        panel = {"title": "Positions <b>held</b>",
                 "values": {"INFY": self.held, "hedged": True, "note": "<script>document.title='x'</script>"}}
        return Report(state="OPEN", reason="HELD", observed_at=self.context.clock.now(),
                      attributes={"panel": panel})

async def change(request):
    request.machines["book"].held = float(request.body["held"])
    request.machines["book"].context.probe_soon()
    return RouteAnswer("changed")

@hookimpl
def openbell_state_machines(register):
    register("book", Book, settings=Blank, role="book", states=["OPEN"], reasons=["HELD"])

@hookimpl
def openbell_routes(register):
    register("POST", "/held", change, scope="control")
"""


async def test_a_panel_is_shown_as_text_and_follows_its_values(open_desk, tmp_path) -> None:
    site, folder = tmp_path / "site", tmp_path / "desk"
    info = site / "openbell_book-0.1.dist-info"
    info.mkdir(parents=True)
    folder.mkdir()
    (site / "book_panel.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-book\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\nbook = book_panel\n")
    (folder / "agent.toml").write_text(
        SHIPPED.split("# --- what makes the desk ready")[0]
        + '[plugins]\nenable = ["book"]\n[machines.book]\nkind = "book"\nevery = "1h"\n'
    )
    desk = await open_desk(environment={"PYTHONPATH": str(site)})
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = await browser.new_page()
        await page.goto(desk.url + "/")
        card = page.locator("article.machine", has=page.get_by_role("heading", name="book"))
        for text in ("Positions <b>held</b>", "1,234.5", "yes", "<script>document.title='x'</script>"):
            await expect(card.get_by_text(text, exact=True)).to_be_visible(timeout=PATIENCE_MS)
        assert await page.title() != "x"
        status, _ = await _ask(desk, held=77)
        assert status == 200
        await expect(card.get_by_text("77", exact=True)).to_be_visible(timeout=PATIENCE_MS)
        await browser.close()


async def _ask(desk, **body) -> tuple[int, str]:
    url = f"{desk.url}/plugins/book/held"
    async with desk.session.post(url, json=body, headers=desk.control()) as answer:
        return answer.status, await answer.text()
