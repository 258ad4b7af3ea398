"""What a person wanted last is what counts in the page: looks, drags, what was painted, in a real Chromium."""

import pytest

from tests.util.waiting import wait_for
from tests.util.web import difference, sample_copy

pytest.importorskip("gradio")

QUIET = "['main', 'live', 'aside'].every(name => !photostyle.link.channels[name]?.now)"
FITTED = f"{QUIET} && photostyle.fit === photostyle.fitted(photostyle.settings)"


def test_a_look_that_is_clicked_while_references_come_stays(visit, tmp_path):
    warm = sample_copy(tmp_path / "warm.jpg", "dusk.jpg", 200)
    here = visit()
    page = here.page
    here.samples()
    held = []
    page.route("**/gradio_api/upload*", lambda route: held.append(route))
    page.locator("#ps-styles").set_input_files(warm)
    page.locator('[data-key="look:snow"] .ps-pick').click()
    wait_for(lambda: page.title() and held)
    held[0].continue_()
    page.wait_for_function("photostyle.settings.styles.length === 2")
    assert here.setting("alone") == "look:snow"
    page.unroute("**/gradio_api/upload*")
    page.locator("#ps-styles").set_input_files(warm)  # later than the look
    page.wait_for_function("photostyle.settings.styles.length === 3")
    assert here.setting("alone") is None
    page.wait_for_function(FITTED)


def test_the_last_of_quick_clicks_is_what_is_shown(visit):
    here = visit()
    page = here.page
    mix = here.picture(here.samples())
    page.wait_for_function(FITTED)
    page.evaluate("""() => {
        const { link } = photostyle;
        const write = link.write;
        photostyle.said = [];
        link.write = (name, text) => { photostyle.said.push(JSON.parse(text)); write.call(link, name, text); };
        photostyle.pick = (key) => photostyle.one(`[data-key="look:${key}"] .ps-pick`).click();
    }""")
    page.evaluate("photostyle.pick('snow'); photostyle.pick('overcast')")
    page.wait_for_function(FITTED)
    assert here.setting("alone") == "look:overcast"
    said = page.evaluate("photostyle.said")
    fits = [each for each in said if each["do"] == "see"]
    assert [each["settings"]["alone"] for each in fits] == ["look:snow", "look:overcast"]
    assert [each["of"] for each in said if each["do"] == "give-up"] == [fits[0]["seq"]]
    # Back to what is fitted before the other fit is there, whose answer comes last.
    page.evaluate("photostyle.pick('overcast')")
    page.wait_for_function(FITTED)
    page.evaluate("""() => {
        const { link } = photostyle;
        const { heard } = link;
        const late = [];
        link.heard = (name, text) => {
            if (name === "main") late.push(text); else heard.call(link, name, text);
            if (name !== "live" || link.channel("live").now) return;
            link.heard = heard;
            for (const each of late) heard.call(link, "main", each);
        };
        link.ask = ((ask) => (name, message) => (message.do === "give-up" || message.do === "sketch"
            ? Promise.resolve({}) : ask.call(link, name, message)))(link.ask); // it comes too late
        photostyle.pick('snow');
        photostyle.pick('snow');
    }""")
    page.wait_for_function(FITTED)
    assert here.setting("alone") is None
    assert difference(here.picture(here.shown()), mix) == 0


def test_a_slow_drag_is_one_step(visit):
    here = visit()
    page = here.page
    here.samples()
    page.evaluate("Date.now = ((now) => () => (now += 5000))(Date.now())")  # between two events
    steps = "photostyle.history.past.length"

    def drag(slider, begin, end):
        box = slider.bounding_box()
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + begin * box["width"], y)
        page.mouse.down()
        page.mouse.move(box["x"] + end * box["width"], y, steps=6)

    strength = page.locator("#ps-strength input")
    before = page.evaluate(steps)
    drag(strength, 0.9, 0.6)
    page.mouse.up()
    drag(strength, 0.6, 0.3)
    page.mouse.up()
    assert here.setting("strength") < 0.4
    assert page.evaluate(steps) == before + 2
    page.get_by_role("button", name="Undo").click()
    assert 0.5 < here.setting("strength") < 0.7
    page.get_by_role("button", name="Undo").click()
    assert here.setting("strength") == 1

    # What a fit brings meanwhile does not take the slider out of the hand.
    row = page.locator('#ps-rows > li[data-name="sky"]')
    row.locator("summary").click()
    slider = row.get_by_label("Strength of sky")
    drag(slider, 0.9, 0.6)
    slider.evaluate("slider => { slider.dataset.held = 'true'; photostyle.rows.shape = ''; photostyle.sync(); }")
    assert slider.get_attribute("data-held") == "true"
    page.mouse.up()
    assert slider.get_attribute("data-held") is None
    assert 0.5 < here.setting("regions")["sky"]["strength"] < 0.7
    page.wait_for_function(FITTED)


def test_what_is_painted_is_kept_and_guards_what_is_beside_it(visit):
    here = visit()
    page = here.page
    here.samples()
    page.wait_for_function(FITTED)
    # As if the guard had found that the sky alone would be torn.
    page.evaluate("photostyle.regions.map.decided.find(each => each.name === 'sky').torn = true")
    here.paint("water", (0.7, 0.75), (0.9, 0.75), steps=4)
    page.wait_for_selector('#ps-rows > li[data-name="water"]')
    page.wait_for_function(FITTED)
    whole = {"sky": {"takes": "*", "strength": None, "keep": False}}
    assert here.setting("regions") == whole
    row = page.locator('#ps-rows > li[data-name="sky"]')
    row.locator("summary").click()
    assert row.get_by_label("sky takes from").input_value() == "*"
    assert "the whole" in row.locator("p").inner_text()
    painted, mask = here.picture(here.shown()), here.setting("mask")

    row.get_by_label("Keep sky as it is").check()
    page.locator("#ps-strength input").press("Home")
    page.get_by_role("button", name="Reset").click()
    assert (here.setting("mask"), here.setting("regions"), here.setting("strength")) == (mask, whole, 1)
    assert page.get_by_role("button", name="Reset").is_disabled()
    page.wait_for_selector('#ps-viewer[data-strength="1"]')
    page.wait_for_function(FITTED)
    assert difference(here.picture(here.shown()), painted) == 0
    page.get_by_role("button", name="Undo").click()
    assert here.setting("regions")["sky"]["keep"]
    page.get_by_role("button", name="Back to what was found").click()
    assert here.setting("mask") is None
    page.wait_for_function(FITTED)


def test_the_strip_shows_that_there_is_more(visit):
    here = visit(viewport={"width": 1100, "height": 700})
    page = here.page
    here.samples()
    page.wait_for_function("document.querySelectorAll('#ps-looks img').length === 12")
    row = page.locator("#ps-looks")
    page.wait_for_selector('#ps-looks[data-more="right"]')
    assert "gradient" in row.evaluate("row => getComputedStyle(row).maskImage")
    page.locator("#ps-looks .ps-pick").first.focus()
    for _ in range(11):
        page.keyboard.press("Tab")
    page.wait_for_selector('#ps-looks[data-more="left"]')
    last, box = page.locator("#ps-looks .ps-pick").last, row.bounding_box()
    assert last.evaluate("last => last === document.activeElement")
    seen = last.bounding_box()
    assert seen["x"] + seen["width"] <= box["x"] + box["width"]
    page.mouse.move(box["x"] + 50, box["y"] + 40)
    page.mouse.wheel(0, -5000)
    page.wait_for_selector('#ps-looks[data-more="right"]')
    assert page.locator("#ps-strip").get_attribute("data-more") == ""
