"""The picture, the strip, regions and history of the page in a real Chromium."""

import pytest

from tests.util.waiting import wait_for
from tests.util.web import difference, sample_copy

pytest.importorskip("gradio")


def test_the_picture_is_zoomed_and_divided_where_it_is(visit):
    here = visit()
    page = here.page
    here.samples()
    page.mouse.move(*here.at(0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*here.at(0.25, 0.5), steps=4)
    page.mouse.up()
    assert page.get_by_role("slider", name="Before and after").get_attribute("aria-valuenow") == "25"

    fitted = page.locator(".ps-frame").bounding_box()["width"]
    spot = here.at(0.3, 0.3)
    page.mouse.move(*spot)
    page.mouse.wheel(0, -500)
    assert page.locator(".ps-frame").bounding_box()["width"] > 1.5 * fitted
    assert here.at(0.3, 0.3) == pytest.approx(spot, abs=2)  # what lay under the pointer still does
    boxes = [page.locator(f".ps-{side}").bounding_box() for side in ("before", "after")]
    assert boxes[0] == boxes[1]
    page.mouse.down()
    page.mouse.move(spot[0] - 40, spot[1] - 30, steps=4)
    page.mouse.up()
    assert here.at(0.3, 0.3) == pytest.approx((spot[0] - 40, spot[1] - 30), abs=2)

    page.get_by_role("button", name="100 %", exact=True).click()
    assert page.locator(".ps-frame").bounding_box()["width"] == pytest.approx(640)
    page.get_by_role("button", name="Loupe").click()
    page.mouse.move(*here.at(0.5, 0.5))
    assert page.locator(".ps-loupe").is_visible()
    page.get_by_role("button", name="Grey").click()
    assert page.locator("#ps-stage").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(119, 119, 119)"
    # The controls scroll by themselves; the picture stays.
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_regions_are_seen_and_their_rows_opened(visit):
    here = visit()
    page = here.page
    here.samples()
    assert page.locator('#ps-rows > li[data-name="ceiling"]').count() == 0  # it was not found
    page.mouse.move(*here.at(0.7, 0.1))
    assert page.locator(".ps-hover").inner_text().startswith("sky")
    assert page.locator(".ps-overlay").get_attribute("data-shown") == "sky"
    page.mouse.click(*here.at(0.7, 0.1))
    row = page.locator('#ps-rows > li[data-name="sky"]')
    assert row.locator("details").get_attribute("open") is not None
    full = here.shown()
    row.get_by_label("Strength of sky").focus()
    for _ in range(10):
        page.keyboard.press("PageDown")
    changed = here.shown(full)
    wait_for(lambda: here.setting("regions")["sky"]["strength"] < 0.5)
    row.get_by_label("Keep sky as it is").check()
    kept = here.shown(changed)
    wait_for(lambda: "kept" in row.locator("summary").inner_text())
    row.get_by_role("button", name="As the rest").click()
    here.shown(kept)
    assert here.setting("regions") == {}
    page.get_by_role("button", name="Show all").click()
    assert "building" in page.locator(".ps-overlay").get_attribute("data-shown").split()


def test_references_are_mixed_and_seen_alone(visit, tmp_path):
    warm = sample_copy(tmp_path / "warm.jpg", "dusk.jpg", 200)
    here = visit()
    page = here.page
    first = here.samples()
    page.locator("#ps-styles").set_input_files(warm)
    mixed = here.shown(first)
    assert page.locator("#ps-tiles .ps-tile").count() == 2
    assert page.locator("#ps-desk input[type=file]").count() == 2  # and no empty places to drop files
    # What is clicked was computed before: no fit is asked for again.
    page.wait_for_function("!photostyle.link.channels.idle.now && !photostyle.link.channels.main.now")
    page.get_by_role("button", name="warm.jpg: see it alone").click()
    here.shown(mixed)
    assert here.setting("alone")
    page.get_by_label("Weight of dusk.jpg").focus()
    page.keyboard.press("Home")
    page.wait_for_function("photostyle.settings.styles[0].weight === 0 && !photostyle.settings.alone")
    page.get_by_role("button", name="Remove dusk.jpg").focus()
    page.keyboard.press("Enter")
    assert page.locator("#ps-tiles .ps-tile").count() == 1
    page.keyboard.press("Control+z")
    page.wait_for_function("document.querySelectorAll('#ps-tiles .ps-tile').length === 2")


def test_history_goes_back_and_forth(visit):
    here = visit()
    page = here.page
    first = here.samples()
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    assert undo.is_disabled()
    assert page.get_by_role("button", name="Reset").is_disabled()
    page.locator("#ps-fine-tuning > summary").click()
    page.select_option('[data-set="matching"]', "adain")
    other = here.shown(first)
    page.get_by_role("button", name="B", exact=True).click()
    page.locator("#ps-strength input").focus()
    page.keyboard.press("Home")
    page.wait_for_selector('#ps-viewer[data-strength="0"]')
    page.get_by_role("button", name="A", exact=True).click()
    page.wait_for_selector('#ps-viewer[data-strength="1"]')
    page.keyboard.press("x")
    page.wait_for_selector('#ps-viewer[data-strength="0"]')
    page.keyboard.press("x")
    page.wait_for_selector('#ps-viewer[data-strength="1"]')
    page.get_by_role("button", name="Reset").click()
    assert here.setting("matching") == "monge"
    undo.click()
    assert here.setting("matching") == "adain"
    redo.click()
    assert here.setting("matching") == "monge"
    again = here.shown(other)
    assert difference(here.picture(here.shown()), here.picture(again)) == 0


def test_long_things_say_what_they_need(visit):
    here = visit()
    page = here.page
    for tab, buttons in (("Many", ("Do them all", "Stop", "Clear the list")), ("Clip", ("Grade the clip", "Stop"))):
        page.get_by_role("tab", name=tab).click()
        for name in buttons:
            assert page.get_by_role("button", name=name).locator("visible=true").is_disabled(), name
    page.get_by_role("tab", name="Compare").click()
    page.click("#ps-compare-start")
    page.locator("#ps-compare-result .ps-problem").wait_for()
    assert "Photo tab" in page.locator("#ps-compare-result").inner_text()
    assert page.locator(".toast-body").count() == 0


def test_a_look_is_sketched_before_it_is_fitted(visit):
    here = visit()
    page = here.page
    before = here.samples()
    page.wait_for_function("document.querySelectorAll('#ps-looks img').length === 12")
    sketch = page.evaluate("""() => photostyle.link.ask("live", { do: "sketch",
        settings: { ...photostyle.copy(photostyle.settings), alone: "look:snow" } })""")
    page.locator('[data-key="look:snow"] .ps-pick').click()
    page.wait_for_function(
        "photostyle.settings.alone === 'look:snow' && photostyle.fit === photostyle.fitted(photostyle.settings)"
    )
    final = here.picture(here.shown(before))
    assert sketch["strength"] == 1
    assert difference(here.picture(sketch["after"]), final) < difference(here.picture(before), final) / 3


def test_what_was_asked_for_last_is_what_stays(visit):
    """The photo as it was may arrive after the result does: it must not take its place."""
    here = visit()
    page = here.page
    held = []

    def route(request):
        if held:
            request.continue_()
        else:
            held.append(request)

    page.route("**/picture/*", route)
    page.click("#ps-samples")
    # `viewer.show` has set where the result is to come from, and that is another picture.
    page.wait_for_function(
        "() => new Set([...document.querySelectorAll('.ps-before, .ps-after')].map(e => e.dataset.address)).size === 2"
    )
    page.wait_for_function(
        "() => document.querySelector('.ps-after').src.endsWith(document.querySelector('.ps-after').dataset.address)"
    )
    held[0].continue_()
    page.wait_for_function(
        "() => document.querySelector('.ps-before').src.endsWith(document.querySelector('.ps-before').dataset.address)"
    )
    page.wait_for_selector('#ps-viewer[data-strength="1"]')
    assert page.evaluate("photostyle.one('#ps-viewer').dataset.shown === photostyle.one('.ps-after').dataset.address")


def test_what_is_wrong_with_a_file_stays_to_be_read(visit, tmp_path):
    wrong = tmp_path / "wrong.jpg"
    wrong.write_text("no photo")
    here = visit()
    page = here.page
    idle = "() => ['main', 'live'].every(name => !photostyle.link.channels[name]?.now)"
    for kind, ready in (("content", False), ("content", True), ("styles", True)):
        if ready and not here.setting("styles"):
            here.samples()
        page.locator(f"#ps-{kind}").set_input_files(wrong)
        page.locator("#ps-error", has_text="wrong.jpg").wait_for()
        page.wait_for_function(idle)
        assert "wrong.jpg" in page.locator("#ps-error").inner_text(), (kind, ready)
        page.locator("#ps-error").get_by_role("button").click()
        assert page.locator("#ps-error").is_hidden()
