"""The reference of the API in a real browser: drawn from the agent alone, within its strict policy."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.async_api import async_playwright, expect

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE_MS = 20_000


async def test_the_reference_shows_every_route_and_asks_nobody_else(open_desk) -> None:
    desk = await open_desk()
    described = await desk.get("/openapi.json")
    routes = [
        (path, method) for path, some in described["paths"].items() for method in some if method != "head"
    ]
    asked: set[str] = set()
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 320, "height": 640})
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{desk.url}/docs#post_system_silences")
        found = page.locator("details")
        await expect(found).to_have_count(len(routes), timeout=PATIENCE_MS)
        silence = page.locator("#post_system_silences")
        await expect(silence).to_have_attribute("open", "")
        await expect(silence).to_contain_text("duration")
        await expect(silence).to_contain_text("422")
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320
        await page.get_by_role("searchbox").fill("badge")
        await expect(page.get_by_role("status")).to_have_text(f"1 of {len(routes)} routes")
        await expect(page.locator("details:visible")).to_have_count(1)
        await browser.close()
    assert asked == {urlsplit(desk.url).netloc}
    assert complaints == []
