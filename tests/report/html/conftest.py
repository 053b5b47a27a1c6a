"""A real browser, and pages of made-up results that it opens."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.report.conftest import Files
from tests.report.made_up import a_plan

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        # Root in a container has no sandbox of Chromium's.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser, with what it complained about and what it asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Open a file; every request that is not for it is refused and noted."""
    contexts = []

    def opened(file: Path, width: int = 1280, scheme: str = "light", drawn: str = "body[data-drawn]") -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        result = Opened(context.new_page())
        result.page.on("console", lambda message: result.complaints.append(f"{message.type}: {message.text}"))
        result.page.on("pageerror", lambda error: result.complaints.append(str(error)))
        result.page.on("request", lambda request: result.requests.append(request.url))
        context.route(lambda address: not address.startswith("file:"), lambda route: route.abort())
        result.page.goto(file.resolve().as_uri())
        result.page.wait_for_selector(drawn, state="attached", timeout=60_000)
        return result

    yield opened
    for context in contexts:
        context.close()


ERRORS = {"plain-20": 9.5, "plain-56": 13.0, "resnet-20": 8.6, "resnet-56": 7.0, "resnet-B-20": 8.4}
"""Of seed 1; seeds 0 and 2 lie 0.3 below and above."""


def write_results(files: Files) -> None:
    for name, error in ERRORS.items():
        depth = int(name.split("-")[-1])
        files.describe(name)
        files.throughput(name, (1e-3 * depth,), (4e-4 * depth,))
        files.responses(name, *([1 + 0.01 * seed - 0.001 * layer for layer in range(depth - 2)] for seed in range(3)))
        for seed in range(3):
            files.train(name, seed, error + 0.3 * (seed - 1), seconds=60.0 * depth, energy=1e5 * depth)


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A finished plan with its report: two plain nets, two residual ones, and one with another shortcut."""
    files = Files(a_plan(*ERRORS), tmp_path_factory.mktemp("made-up") / "runs")
    write_results(files)
    files.build()
    return files
