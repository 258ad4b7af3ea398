"""The page in a real Chromium: what a person does there, and that the file they take away is the command's."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.io import read_mask
from tests.util.waiting import PATIENCE, wait_for
from tests.util.web import CHROMIUM, difference, sample_copy, served

pytest.importorskip("gradio")
sync_api = pytest.importorskip("playwright.sync_api")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

# Fulfilled when nothing fades or slides any more, but for what does so without end.
SETTLED = """() => Promise.allSettled(
    document.getAnimations().filter(a => a.effect.getComputedTiming().endTime < Infinity).map(a => a.finished))"""
TIMEOUT = 1000 * PATIENCE  # Playwright counts milliseconds


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("web")) as running:
        yield running
        assert running.end() == 0
        assert list(running.files.glob("photostyle-web-*")) == []  # PyTorch leaves things of its own


@pytest.fixture(scope="module")
def browser():
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
        self.page.wait_for_selector("#ps-samples")

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

    def open(self, label):
        self.page.get_by_role("button", name=label).click()

    def paint(self):
        """A stroke over the regions, as soon as the editor shows them and takes it."""
        canvas = self.page.locator("#ps-editor canvas").first

        def seen():
            self.page.mouse.move(0, 0)  # the brush goes where the mouse is
            with Image.open(io.BytesIO(canvas.screenshot())) as image:
                return np.asarray(image.convert("RGB"))

        def painted():
            before, box = seen(), canvas.bounding_box()
            x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6
            self.page.mouse.move(x, y)
            self.page.mouse.down()
            self.page.mouse.move(x + box["width"] * 0.2, y, steps=20)
            self.page.mouse.up()
            return difference(before, seen()) > 0.1

        canvas.click(trial=True)  # it stands still, and nothing lies over it
        wait_for(lambda: seen().std() > 5, pause=0.1)
        wait_for(painted, pause=0.1)

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


def test_from_upload_to_a_file_that_the_command_would_have_written(visit, cli, tmp_path):
    content = sample_copy(tmp_path / "my day.png", "day.jpg", 240)
    style = sample_copy(tmp_path / "dusk.jpg", "dusk.jpg", 200, quality=95)
    here = visit()
    page = here.page
    page.locator("#ps-content input[type=file]").set_input_files(content)
    before = here.shown()
    page.locator("#ps-styles input[type=file]").set_input_files(style)
    full = here.shown(before)
    assert difference(here.picture(before), here.picture(full)) > 10

    slider = page.locator("#ps-strength input[type=range]")
    slider.focus()
    for _ in range(30):
        slider.press("ArrowLeft")
    assert float(slider.input_value()) == pytest.approx(0.7)
    page.wait_for_selector('#ps-viewer[data-strength="0.7"]')
    seen = here.shown(full)
    assert difference(here.picture(seen), here.picture(full)) > 5
    assert difference(here.picture(seen), here.picture(before)) > 5

    here.open("Correct regions")
    page.get_by_label("water", exact=True).check()
    here.paint()
    corrected = here.shown()
    page.click("#ps-use-mask")
    with page.expect_download() as mask_download:
        page.locator("#ps-correct .ps-download").click()
    mask = tmp_path / mask_download.value.suggested_filename
    mask_download.value.save_as(mask)
    with Image.open(mask) as image:
        assert image.size == (240, 160)
    assert "water" in read_mask(mask, size=(160, 240)).names.values()
    here.shown(corrected)

    page.click("#ps-render")
    link = page.locator("#ps-result .ps-download")
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "my-day-styled.png"
    download.value.save_as(tmp_path / "page.png")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the page has: sums in another order may round to another level
    try:
        done = cli("photo", content, "--style", style, "-o", tmp_path / "command.png", "--strength", "0.7",
                   "--content-mask", mask)  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    assert done.code == 0, done.err
    with Image.open(tmp_path / "page.png") as ours, Image.open(tmp_path / "command.png") as theirs:
        assert ours.mode == theirs.mode
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def problems(page):
    """What axe-core finds to be serious on the page as it stands."""
    violations = Axe().run(page).response["violations"]
    return [
        (found["id"], found["help"], [node["html"] for node in found["nodes"]])
        for found in violations
        if found["impact"] in ("serious", "critical")
    ]


def test_everything_has_a_name_and_can_be_seen(visit):
    here = visit()
    page = here.page
    assert problems(page) == []
    page.click("#ps-samples")
    here.shown()
    for label in ("Regions", "Correct regions", "Advanced", "Style file"):
        page.get_by_role("button", name=label, exact=False).first.click()
    page.wait_for_selector("#ps-editor canvas")
    assert problems(page) == []
    for tab in ("Many photos", "Video", "Compare methods"):
        page.get_by_role("tab", name=tab).click()
        page.evaluate(SETTLED)
        assert problems(page) == [], tab


def test_the_keyboard_is_enough(visit):
    here = visit()
    page = here.page
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label')"))
        if reached[-1] == "ps-samples":
            break
    else:
        raise AssertionError(reached)
    page.keyboard.press("Enter")
    here.shown()
    before_and_after = page.get_by_label(re.compile("how much of the photo", re.IGNORECASE))
    before_and_after.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert page.locator("#ps-viewer").evaluate("e => e.style.getPropertyValue('--cut')") == "60%"
    zoom = page.get_by_role("button", name="Actual pixels")
    zoom.focus()
    page.keyboard.press("Enter")
    assert zoom.get_attribute("aria-pressed") == "true"


def test_on_a_phone_nothing_sticks_out(visit):
    here = visit(viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True, has_touch=True)
    page = here.page
    page.get_by_role("button", name="Try the sample pair").tap()
    here.shown()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture = page.locator(".ps-after").bounding_box()
    assert picture["width"] > 300
    assert picture["y"] < 844  # seen without scrolling
    assert problems(page) == []


def test_bad_files_are_said_in_a_line(visit, tmp_path):
    here = visit()
    bad = tmp_path / "notes.jpg"
    bad.write_text("no photo")
    here.page.locator("#ps-content input[type=file]").set_input_files(bad)
    said = here.page.locator(".toast-body")
    said.wait_for()
    text = said.inner_text()
    assert "notes.jpg: not an image" in text
    assert str(here.server.files) not in text
    assert "Traceback" not in text
