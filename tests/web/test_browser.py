"""The page in a real Chromium: what a person takes away is the command's, and everybody can use all of it."""

import shlex

import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.io import read_mask
from tests.util.web import difference, sample_copy
from tests.web.conftest import SETTLED

pytest.importorskip("gradio")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe


def test_from_upload_to_a_file_that_the_command_would_have_written(visit, cli, tmp_path, monkeypatch):
    content = sample_copy(tmp_path / "my day.png", "day.jpg", 240)
    style = sample_copy(tmp_path / "dusk.jpg", "dusk.jpg", 200, quality=95)
    here = visit()
    page = here.page
    page.locator("#ps-content").set_input_files(content)
    before = here.shown()
    page.locator("#ps-styles").set_input_files(style)
    full = here.shown(before)
    assert difference(here.picture(before), here.picture(full)) > 10

    slider = page.locator("#ps-strength input")
    slider.focus()
    for _ in range(30):
        slider.press("ArrowLeft")
    page.wait_for_selector('#ps-viewer[data-strength="0.7"]')
    seen = here.shown(full)
    assert difference(here.picture(seen), here.picture(full)) > 5
    assert difference(here.picture(seen), here.picture(before)) > 5

    here.paint("water", (0.3, 0.6), (0.6, 0.6), steps=8)
    with page.expect_download() as mask_download:
        page.locator("#ps-mask .ps-download").click()
    mask = tmp_path / mask_download.value.suggested_filename
    mask_download.value.save_as(mask)
    with Image.open(mask) as image:
        assert image.size == (240, 160)
    assert "water" in read_mask(mask, size=(160, 240)).names.values()
    page.wait_for_selector('#ps-rows > li[data-name="water"]')
    here.shown(seen)

    page.click("#ps-render")
    link = page.locator("#ps-result .ps-download")
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "my-day-styled.png"
    download.value.save_as(tmp_path / "page.png")

    page.locator("#ps-share summary").click()
    page.click("#ps-command")
    page.wait_for_selector("#ps-command-text:not([hidden])")
    words = shlex.split(page.locator("#ps-command-text").inner_text())
    assert words[:3] == ["photostyle", "photo", "my day.png"]
    assert page.locator("#ps-share-links .ps-download").count() == 2  # the preset, and the mask that it names
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the page has: sums in another order may round to another level
    try:
        done = cli(*words[1:])
    finally:
        torch.set_num_threads(threads)
    assert done.code == 0, done.err
    with Image.open(tmp_path / "page.png") as ours, Image.open(tmp_path / "my-day-styled.png") as theirs:
        assert ours.mode == theirs.mode
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def problems(page):
    """What axe-core finds on the page as it stands, however grave."""
    page.evaluate(SETTLED)
    violations = Axe().run(page).response["violations"]
    return [(found["id"], found["help"], [node["html"][:200] for node in found["nodes"]]) for found in violations]


def test_everything_has_a_name_and_can_be_seen(visit):
    here = visit()
    page = here.page
    assert problems(page) == []
    here.samples()
    for section in ("#ps-fine-tuning", "#ps-share"):
        page.locator(f"{section} > summary").click()
    page.locator("#ps-rows summary").first.click()
    page.click("#ps-brush")
    assert problems(page) == []
    page.click('[data-view="surround"]')
    assert problems(page) == []
    for tab in ("Many", "Clip", "Compare"):
        page.get_by_role("tab", name=tab).click()
        assert problems(page) == [], tab


def test_the_keyboard_is_enough(visit):
    here = visit()
    page = here.page
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        if reached[-1] == "ps-samples":
            break
    else:
        raise AssertionError(reached)
    page.keyboard.press("Enter")
    page.wait_for_selector("#ps-rows > li")
    page.locator("#ps-stage").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    page.wait_for_selector('#ps-viewer[data-strength="0.94"]')
    page.keyboard.down("\\")
    assert page.locator(".ps-cover").evaluate("e => e.style.clipPath").endswith("0% 0px 0px)")
    page.keyboard.up("\\")
    page.keyboard.press("2")
    assert page.get_by_role("button", name="200 %").get_attribute("aria-pressed") == "true"
    page.keyboard.press("f")
    divider = page.get_by_role("slider", name="Before and after")
    divider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "60"
    page.locator("#ps-stage").focus()
    page.keyboard.press("b")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert page.locator("#ps-use-mask").is_enabled()
    page.keyboard.press("Control+z")
    assert page.locator("#ps-use-mask").is_disabled()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    if here.setting("strength") != 1:  # two steps of the history, where the machine was slow between the keys
        page.keyboard.press("Control+z")
    assert here.setting("strength") == 1
    page.keyboard.press("?")
    assert page.locator("#ps-help").is_visible()
    # Everything on the tab is reached, and shows that it is.
    page.keyboard.press("Escape")
    named = "#ps-desk :is(button, input:not(.ps-file), select, summary, a[href], [tabindex='0'])"
    lost = page.evaluate(
        "selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility() && e.tabIndex < 0)"
        ".map(e => e.outerHTML.slice(0, 80))",
        named,
    )
    assert lost == []


PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


def test_on_a_phone_nothing_sticks_out(visit):
    here = visit(**PHONE)
    page = here.page
    for tab in ("Photo", "Many", "Clip", "Compare"):
        assert page.get_by_role("tab", name=tab).is_visible()
    page.get_by_role("button", name="Try the sample pair").tap()
    here.shown()
    page.wait_for_selector("#ps-rows > li", state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.documentElement.scrollHeight") <= 844
    picture = page.locator(".ps-after").bounding_box()
    assert picture["width"] > 300
    assert page.locator("#ps-fine-tuning").is_hidden()
    page.locator("#ps-sheet").tap()
    assert page.locator("#ps-fine-tuning").is_visible()
    assert page.locator("#ps-stage").bounding_box()["height"] > 120
    assert problems(page) == []


def test_bad_files_are_said_where_the_picture_is(visit, tmp_path):
    here = visit()
    bad = tmp_path / "notes.jpg"
    bad.write_text("no photo")
    here.page.locator("#ps-content").set_input_files(bad)
    said = here.page.locator("#ps-error")
    said.wait_for()
    text = said.inner_text()
    assert "notes.jpg: not an image" in text
    assert str(here.server.files) not in text
    assert "Traceback" not in text
    assert here.page.locator(".toast-body").count() == 0
    here.page.get_by_role("button", name="Dismiss").click()
    assert said.is_hidden()
