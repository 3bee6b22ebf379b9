"""The status page in a real browser: nothing is refused by its own policy, nothing runs off a phone's screen."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from alerts.model import Delivery, Op, Progress
from tests.agent.metrics.views import target, view
from tests.agent.web.conftest import Serve
from tests.agent.web.test_pages import AT, HOSTILE, NOW, alert, state
from tests.checks.examples import kafka

SWITCHES = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser(program: Callable[[str, str], str]) -> Iterator[Any]:
    path = program("chromium", "chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture(params=["light", "dark"])
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    yield context.new_page()
    context.close()


def test_a_page_full_of_the_worst_fits_a_phone(page: Page, serve: Serve) -> None:
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda request: trouble.append(request.url))
    parked = Delivery("1", 1, "t", "slack:#alerts", Op.POST, (), (), AT, Progress.PARKED, 3, error="it is archived")
    alerts = [alert(i, name=HOSTILE * 3 if i == 1 else f"group-{i}") for i in range(3)]
    seen = view(target(kafka()), state=state(*alerts, deliveries={"1": parked}))
    page.goto(serve(seen, now=NOW).url)
    assert page.locator("article.alert").count() == 3
    assert page.get_by_text("it is archived").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    style = "getComputedStyle(document.body)"
    assert page.evaluate(f"{style}.color") != page.evaluate(f"{style}.backgroundColor")
    assert page.evaluate("document.styleSheets.length") == 1
    assert trouble == []


def test_a_command_is_torn_at_blanks_alone_and_copied_as_it_is(page: Page, serve: Serve) -> None:
    command = (
        "kafka-topics.sh --bootstrap-server $BOOTSTRAP --describe --topic orders-of-a-long-name --at-min-isr-partitions"
    )
    one = alert(1)
    one = replace(one, finding=replace(one.finding, fix=replace(one.finding.fix, command=command)))
    page.goto(serve(view(target(kafka()), state=state(one)), now=NOW).url)
    lines = """() => [...document.querySelectorAll("pre span")].map(word => {
        const range = document.createRange()
        range.selectNodeContents(word)
        return range.getClientRects().length
    })"""
    assert set(page.evaluate(lines)) == {1}
    assert page.locator("pre").evaluate("pre => pre.clientHeight") > 50  # it stands on several lines
    copied = "() => { getSelection().selectAllChildren(document.querySelector('pre')); return String(getSelection()) }"
    assert page.evaluate(copied) == command
