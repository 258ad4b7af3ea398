"""A browser at the page, for the tests that do there what a person does."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.util.waiting import PATIENCE, wait_for
from tests.util.web import CHROMIUM, served

TIMEOUT = 1000 * PATIENCE  # Playwright counts milliseconds
# Fulfilled when nothing fades or slides any more, but for what does so without end.
SETTLED = """() => Promise.allSettled(
    document.getAnimations().filter(a => a.effect.getComputedTiming().endTime < Infinity).map(a => a.finished))"""


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("web")) as running:
        yield running
        assert running.end() == 0
        assert list(running.files.glob("photostyle-web-*")) == []  # PyTorch leaves things of its own


@pytest.fixture(scope="module")  # its event loop must be gone for modules that have one of their own
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        # Chromium's sandbox does not work for root, as whom containers run tests.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=TIMEOUT)
        yield running
        running.close()


class Visit:
    """A page, with all that it asked for and complained of."""

    def __init__(self, browser, server, **options):
        self.server = server
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(TIMEOUT)
        self.asked, self.complaints = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        self.page.goto(server.address)
        self.page.wait_for_selector("#ps-desk[data-ready]")

    def samples(self):
        """The sample pair, with its regions."""
        self.page.click("#ps-samples")
        self.page.wait_for_selector('#ps-viewer[data-strength="1"]')
        self.page.wait_for_selector("#ps-rows > li")
        return self.shown()

    def shown(self, other_than=None):
        """The address of the picture that is shown, once it is another one."""
        viewer = self.page.locator("#ps-viewer")
        return wait_for(
            lambda: (
                (viewer.get_attribute("data-shown") or "") not in ("", other_than)
                and viewer.get_attribute("data-shown")
            ),
            pause=0.1,
        )

    def picture(self, address):
        answer = self.context.request.get(self.server.address + address, timeout=TIMEOUT)
        assert answer.ok, answer.status
        with Image.open(io.BytesIO(answer.body())) as image:
            return np.asarray(image.convert("RGB"))

    def stage(self):
        return self.page.locator("#ps-stage").bounding_box()

    def at(self, u, v):
        """A place of the photo, in shares of its size, on the page."""
        box = self.page.locator(".ps-frame").bounding_box()
        return box["x"] + u * box["width"], box["y"] + v * box["height"]

    def paint(self, name, start, end, steps):
        """A stroke of the brush between two places of the photo (`at`), used as a region of that name."""
        self.page.click("#ps-brush")
        self.page.select_option("#ps-brush-name", name)
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(*end), steps=steps)
        self.page.mouse.up()
        self.page.click("#ps-use-mask")

    def setting(self, name):
        return self.page.evaluate("name => photostyle.settings[name]", name)

    def close(self):
        outside = [url for url in self.asked if not url.startswith((self.server.address, "data:", "blob:"))]
        self.context.close()
        assert outside == []
        assert self.complaints == []


@pytest.fixture
def visit(browser, server):
    opened = []

    def visiting(**options):
        opened.append(Visit(browser, server, **options))
        return opened[-1]

    yield visiting
    for one in opened:
        one.close()
