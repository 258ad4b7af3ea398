import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photostyle.errors import MaskError
from photostyle.regions.labels import RELATED, SPECK, TINY, adapt, match
from photostyle.regions.regions import WHOLE, Regions
from photostyle.regions.sources import Source


def stripes(*names, height=40, width=60, soft=False):
    """Regions of vertical stripes of equal width."""
    columns = torch.arange(width) * len(names) // width
    weights = {}
    for number, name in enumerate(names):
        weights[name] = weights.get(name, 0) + (columns == number).float().expand(height, width)
    return Regions(weights, hard=not soft)


def taken(found):
    return {name: [(source.style, source.region) for source in sources] for name, sources in found.sources.items()}


def test_same_names_match_and_the_rest_takes_the_whole():
    found = match(stripes("a", "b", "c"), [stripes("b", "c", "d")])
    assert taken(found) == {WHOLE: [(0, WHOLE)], "b": [(0, "b")], "c": [(0, "c")]}
    assert [(d.region, d.reason, d.takes) for d in found.decisions] == [
        ("a", "whole photo", (WHOLE,)),
        ("b", "same name", ("b",)),
        ("c", "same name", ("c",)),
    ]
    assert [round(d.share, 2) for d in found.decisions] == [0.33, 0.33, 0.33]


def test_unsure_parts_of_two_photos_are_no_match():
    found = match(stripes("sky", "unsure"), [stripes("sky", "unsure")])
    assert taken(found) == {WHOLE: [(0, WHOLE)], "sky": [(0, "sky")]}
    assert [d.takes for d in found.decisions] == [("sky",), (WHOLE,)]
    mapped = match(stripes("sky", "unsure"), [stripes("sky", "unsure")], mapping={"unsure": "unsure"})
    assert taken(mapped)["unsure"] == [(0, "unsure")]


@pytest.mark.parametrize(
    ("orphan", "style", "expected"),
    [
        ("water", ("ground", "building"), None),
        ("water", ("ground", "sky"), "sky"),
        ("sky", ("water", "mountain"), None),
        ("mountain", ("vegetation", "sky"), "vegetation"),
        ("mountain", ("vegetation", "ground"), "ground"),
        ("vegetation", ("ground", "mountain"), "mountain"),
        ("ground", ("sky", "mountain"), "mountain"),
        ("ground", ("sky", "vegetation"), None),
        ("building", ("object", "sky"), "object"),
        ("wall", ("object", "building"), "building"),
        ("wall", ("ceiling", "object"), None),
        ("ceiling", ("building", "wall"), "wall"),
        ("ceiling", ("sky", "building"), None),
        ("person", ("object", "wall"), None),
        ("object", ("person", "sky"), None),
        ("#ff0000", ("#00ff00", "sky"), None),
    ],
)
def test_orphans_take_the_nearest_related_label(orphan, style, expected):
    found = match(stripes("sky" if orphan != "sky" else "ground", orphan), [stripes(*style)])
    decision = found.decisions[-1]
    assert decision.region == orphan
    if expected is None:
        assert orphan not in found.sources
        assert decision.reason == "whole photo"
    else:
        assert taken(found)[orphan] == [(0, expected)]
        assert decision.reason == "related"


def test_the_relation_names_classes_only_and_nothing_itself():
    for name, related in RELATED.items():
        assert set(related) <= set(RELATED) - {name}


def test_people_take_people_and_nothing_else_takes_them():
    assert RELATED["person"] == ()
    assert not any("person" in related for related in RELATED.values())
    found = match(stripes("person", "object"), [stripes("object", "person")])
    assert taken(found)["person"] == [(0, "person")]
    own = match(stripes("person", "sky"), [stripes("sky", "object")], owners=["person"])
    assert taken(own)["person"] == [(0, WHOLE)]


def test_a_style_of_the_seven_classes_that_there_were_serves_photos_of_all():
    seven = ["sky", "vegetation", "water", "building", "ground", "mountain", "object"]
    found, decisions = adapt(stripes(*seven), seven)
    assert list(found.weights) == seven
    assert {d.reason for d in decisions} == {"same name"}
    rooms, decisions = adapt(stripes("person", "wall", "ceiling", "object"), seven)
    assert set(rooms.weights) == {"building", "object"}
    assert [(d.region, d.takes) for d in decisions] == [
        ("person", (WHOLE,)), ("wall", ("building",)), ("ceiling", (WHOLE,)), ("object", ("object",)),
    ]  # fmt: skip


def test_mapping_comes_before_names():
    found = match(stripes("water", "sky"), [stripes("water", "sky")], mapping={"water": "sky", "sky": WHOLE})
    assert taken(found) == {WHOLE: [(0, WHOLE)], "water": [(0, "sky")], "sky": [(0, WHOLE)]}
    assert {d.reason for d in found.decisions} == {"mapped"}


def test_a_style_of_its_own():
    styles = [stripes("ground", "building"), stripes("sky", "building"), None]
    found = match(stripes("sky", "building", "water"), styles, owners=[None, "sky", "water"])
    assert taken(found) == {
        WHOLE: [(0, WHOLE)],
        "sky": [(1, "sky")],
        "building": [(0, "building")],
        "water": [(2, WHOLE)],
    }
    assert [d.reason for d in found.decisions] == ["own style", "same name", "own style"]
    only = match(stripes("sky", "building"), [stripes("sky", "ground")], owners=["sky"])
    assert taken(only) == {"sky": [(0, "sky")]}
    assert [d.reason for d in only.decisions] == ["own style", "no style"]


def test_several_styles_are_mixed_where_they_have_the_region():
    found = match(stripes("sky", "water"), [stripes("sky", "ground"), stripes("sky", "water")])
    assert taken(found)["sky"] == [(0, "sky"), (1, "sky")]
    assert taken(found)["water"] == [(1, "water")]


def test_kept_regions_take_nothing():
    found = match(stripes("sky", "object"), [stripes("sky", "object")], keep=["object"])
    assert set(found.sources) == {WHOLE, "sky"}
    assert found.decisions[1].reason == "kept"
    assert str(found.decisions[1]) == "object (50.0% of the photo) stays as it is (kept)"


def test_specks_join_the_neighbour_that_surrounds_them():
    labels = torch.zeros(100, 100, dtype=torch.int64)
    labels[:, 50:] = 1
    labels[40:43, 70:73] = 2  # in the middle of 1
    content = Regions.from_labels(labels)
    found = match(content, [Regions.from_labels(labels)])
    assert set(found.regions.weights) == {"0", "1"}
    assert found.regions.weights["1"][41, 71] == 1
    assert found.decisions[2].reason == "merged"
    assert found.decisions[2].into == "1"
    assert "joins 1" in str(found.decisions[2])


def test_specks_that_were_named_are_left_alone():
    labels = torch.zeros(100, 100, dtype=torch.int64)
    labels[40:43, 70:73] = 2
    found = match(Regions.from_labels(labels), [stripes("0")], keep=["2"])
    assert "2" in found.regions.weights


def test_a_speck_in_the_style_is_no_style():
    labels = torch.zeros(100, 100, dtype=torch.int64)
    labels[:4, : int(TINY * 10_000 / 4) - 1] = 1
    found = match(stripes("0", "1"), [Regions.from_labels(labels)])
    assert set(found.sources) == {WHOLE, "0"}


def test_names_that_are_not_there():
    content, style = stripes("sky", "a"), stripes("sky", "b")
    for arguments in ({"keep": ["x"]}, {"mapping": {"x": "sky"}}, {"owners": ["x"]}):
        with pytest.raises(MaskError, match="the photo has no region 'x'; it has sky, a"):
            match(content, [style], **arguments)
    with pytest.raises(MaskError, match="the style has no region 'x' for 'sky'; it has b, sky"):
        match(content, [style], mapping={"sky": "x"})
    # one of many photos may lack a class
    assert "object" not in match(content, [style], keep=["object"], mapping={"water": "sky"}).sources


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_no_weight_is_lost(seed):
    random = torch.Generator().manual_seed(seed)
    names = [*RELATED, "a", "b"]
    maps = [torch.randint(0, 9, (24, 30), generator=random) for _ in range(2)]
    sides = [Regions({names[n]: (m == n).float() for n in m.unique().tolist()}, hard=True) for m in maps]
    found = match(sides[0], [sides[1]])
    assert torch.stack(list(found.regions.weights.values())).sum(0).eq(1).all()
    assert {d.region for d in found.decisions} == set(sides[0].weights)
    assert all(name == WHOLE or name in found.regions.weights for name in found.sources)
    assert all(s.region == WHOLE or s.region in sides[1].weights for found_ in found.sources.values() for s in found_)


def test_adapting_a_photo_to_a_fitted_style():
    content = stripes("mountain", "sky", "water", "vegetation")
    found, decisions = adapt(content, ["sky", "ground", "building"])
    assert set(found.weights) == {"sky", "ground"}
    # mountain and vegetation are ground, water takes the sky's map
    assert found.pixels("ground") == 2 * 15 * 40
    assert found.pixels("sky") == 2 * 15 * 40
    assert [d.reason for d in decisions] == ["related", "same name", "related", "related"]
    nothing, _ = adapt(stripes("a"), ["sky"])
    assert nothing.weights == {}


def test_decisions_are_logged(caplog):
    with caplog.at_level("INFO", "photostyle"):
        match(stripes("water", "a"), [stripes("sky", "b")])
    assert [record.message for record in caplog.records] == [
        "water (50.0% of the photo) takes sky (related)",
        "a (50.0% of the photo) takes the whole style (whole photo)",
    ]


def test_sources_are_plain_data():
    assert Source(0, "sky") == Source(0, "sky")


def test_a_speck_of_a_style_is_too_little_for_a_large_region():
    """A segmentation found an object on a 250th of a style: half of the photo looks elsewhere, a bit of it does not."""

    def split(**shares):
        weights, start = {}, 0
        for name, share in shares.items():
            weights[name] = torch.zeros(1000, 10)
            weights[name][start : start + share] = 1
            start += share
        return Regions(weights, hard=False)

    style = split(object=4, building=600, sky=396)
    for share, expected in ((500, "building"), (30, "object")):
        photo = split(object=share, sky=1000 - share)
        assert [s.region for s in match(photo, [style], speck=SPECK).sources["object"]] == [expected]
        assert [s.region for s in match(photo, [style]).sources["object"]] == ["object"]
