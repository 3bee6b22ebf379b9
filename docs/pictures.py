"""`make pictures`: plays the demo, and takes the README's pictures of it with headless Chromium.

Needs the packages chromium, fonts-lato, fonts-liberation and fonts-noto-color-emoji.
"""

import io
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

from agent.demo.screen import WIDTH, Screen
from agent.demo.show import play
from agent.demo.story import Act

PICTURES = Path(__file__).parent / "pictures"
MOST = 200_000
"""Bytes of a picture."""
SWITCHES = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ACTS = {"slack": "A broker leaves", "status": "The cluster can't be seen any more"}
"""At the end of which act a page is taken."""
TERMINAL = ("A dead-letter queue fills", "The cluster can't be seen any more", "The network is back")
"""Of which acts the terminal is shown."""
WIDE, HIGH = 1000, 1000
"""Pixels of a picture, at most."""

_TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><style>
body {{ margin: 0; background: #292929; color: #c5c8c6; }}
pre {{ display: inline-block; margin: 0; padding: 14px 18px; }}
code {{ font: 13px/1.35 "DejaVu Sans Mono", "Noto Color Emoji", monospace; }}
</style><pre><code>{}</code></pre>"""

_ENDS = """() => [...document.querySelectorAll("ol.messages > li, article, section, pre:only-child")]
    .map(part => Math.ceil(part.getBoundingClientRect().bottom) + 8)"""
"""Below what a picture may be cut: no message is halved."""


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit(
            "chromium is missing: install the packages chromium, fonts-lato, fonts-liberation and fonts-noto-color-emoji"
        )
    PICTURES.mkdir(exist_ok=True)
    console = Console(
        file=io.StringIO(), record=True, force_terminal=True, color_system="standard", width=WIDTH, highlight=False
    )
    printed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)

        def scene(act: Act, status: str, channel: str) -> None:
            text = console.export_html(theme=SVG_EXPORT_THEME, code_format="{code}", inline_styles=True)
            if act.title in TERMINAL:
                printed.append(text)
            for name, url in (("slack", channel), ("status", status)):
                if act.title == ACTS[name]:
                    _take(browser, name, url)

        play(Screen(console), scene=scene)
        _take(browser, "terminal", _TERMINAL.format("".join(printed).strip("\n")))
        browser.close()


def _take(browser: Browser, name: str, shown: str) -> None:
    """The top of a page: of a URL, or of HTML."""
    page = browser.new_page(viewport={"width": WIDE, "height": 400}, color_scheme="light")
    if shown.startswith("http"):
        page.goto(shown)
    else:
        page.set_content(shown)
        page.set_viewport_size(
            {"width": round(page.evaluate("document.querySelector('pre').offsetWidth")), "height": 400}
        )
    path = PICTURES / f"{name}.png"
    ends = page.evaluate(_ENDS)
    high = max(end for end in ends if end <= HIGH)
    page.screenshot(
        path=path, full_page=True, clip={"x": 0, "y": 0, "width": page.viewport_size["width"], "height": high}
    )
    page.close()
    weight = path.stat().st_size
    print(f"{path.name}: {weight / 1000:,.0f} kB")
    if weight > MOST:
        sys.exit(f"{path.name} is too big for a README")


if __name__ == "__main__":
    main()
