"""Regions for a job, whatever masks and segmentation give."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from photostyle.errors import MaskError
from photostyle.io import CLASS_COLOURS
from photostyle.jobs.loading import load
from photostyle.jobs.photo import stylize_file
from photostyle.jobs.regions import Reference, RegionSettings, plan, prepare
from photostyle.jobs.segment import ClassSegmentation, ClusterSegmentation, find_segmentation, label_map
from photostyle.options import FitOptions
from photostyle.regions.regions import UNSURE, WHOLE, Regions
from tests.util.cli import colourful_model, contents, read, save_picture, stripes

MODEL = colourful_model()
RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


class Bright:
    """In place of `photostyle.segmentation.Segmenter`: what is brighter than the mean is sky, the rest is ground."""

    name, licence = "bright", "none"
    classes = tuple(CLASS_COLOURS)
    calls = 0

    def probabilities(self, image):
        self.calls += 1
        grey = torch.nn.functional.avg_pool2d(image.mean(0)[None], 2)[0]
        sky = torch.sigmoid(40 * (grey - grey.mean()))
        result = torch.zeros(len(self.classes), *grey.shape)
        result[0], result[self.classes.index("ground")] = sky, 1 - sky
        return result


@pytest.fixture
def scene(tmp_path):
    save_picture(tmp_path / "c.png", 41, 59, 1)
    save_picture(tmp_path / "s.png", 48, 33, 2)
    stripes(tmp_path / "cm.png", 59, 41, RED, BLUE)
    stripes(tmp_path / "sm.png", 33, 48, RED, BLUE)
    return tmp_path


def planned(scene, masks=(None, None), references=None, **settings):
    content, style = load(scene / "c.png"), load(scene / "s.png")
    masks = tuple(scene / mask if mask else None for mask in masks)
    return plan(content, references or [Reference(style)], masks, RegionSettings(**settings), FitOptions())


def total(regions):
    return torch.stack(list(regions.weights.values())).sum(0)


def test_nothing_asked_for():
    found = plan(None, [], (None, None), RegionSettings(), FitOptions(strength=0.3))
    assert (found.content, found.styles, found.sources, found.decisions) == (None, None, None, ())
    assert found.options == FitOptions(strength=0.3)


def test_masks_are_named_and_refined(scene):
    found = planned(scene, ("cm.png", "sm.png"))
    assert set(found.content.weights) == {"#ff0000", "#0000ff"}
    assert not found.content.hard
    assert found.content.size == (41, 59)
    assert torch.allclose(total(found.content), torch.ones(41, 59), atol=1e-5)
    plain = planned(scene, ("cm.png", "sm.png"), refine_masks=False)
    assert plain.content.hard
    assert list(plain.sources) == [WHOLE, "#0000ff", "#ff0000"]


def test_probabilities_become_regions_of_the_photo_s_size(scene):
    found = planned(scene, segment=ClassSegmentation(Bright()))
    assert set(found.content.weights) == {"sky", "ground"}
    assert found.content.size == (41, 59)
    assert found.styles[0].size == (48, 33)
    assert {d.region: d.reason for d in found.decisions} == {"sky": "same name", "ground": "same name"}


def test_a_style_is_measured_where_a_photo_would_be_unsure(scene):
    class Doubtful(Bright):
        def probabilities(self, image):
            found = super().probabilities(image)
            return 0.3 * found + 0.7 * found.mean(0, keepdim=True)

    found = planned(scene, segment=ClassSegmentation(Doubtful()))
    assert UNSURE in found.content.weights
    assert {"sky", "ground"} < set(found.styles[0].weights)
    assert UNSURE not in found.styles[0].weights


def test_a_style_is_segmented_once_for_all_photos(scene):
    segmenter = Bright()
    how = RegionSettings(ClassSegmentation(segmenter))
    references = prepare([Reference(load(scene / "s.png"))], how)
    assert segmenter.calls == 1
    for _ in range(3):
        planned(scene, references=references, segment=how.segment)
    assert segmenter.calls == 4
    clusters = RegionSettings(ClusterSegmentation(MODEL))
    assert prepare(references[:1], clusters) == references[:1]


def test_clusters_are_found_in_all_photos_together(scene):
    styles = [Reference(load(scene / name)) for name in ("s.png", "c.png")]
    found = planned(scene, references=styles, segment=ClusterSegmentation(MODEL))
    assert set(found.content.weights) == set(found.styles[0].weights) == set(found.styles[1].weights)
    assert all(name.startswith("cluster") for name in found.content.weights)


def test_what_segmentation_is_called():
    assert find_segmentation("off", MODEL, torch.device("cpu")) is None
    assert isinstance(find_segmentation("cluster", MODEL, torch.device("cpu")), ClusterSegmentation)
    embedded = find_segmentation("auto", MODEL, torch.device("cpu"))
    assert set(embedded.names) == set(CLASS_COLOURS)
    assert not embedded.joint


def test_ade20k_s_classes_are_folded_onto_ours():
    from photostyle.segmentation import ADE20K

    class Network(Bright):
        classes = tuple(ADE20K)

        def probabilities(self, image):
            result = torch.zeros(len(ADE20K), 20, 30)
            result[ADE20K.index("sky"), :10] = result[ADE20K.index("sea"), 10:] = 1
            return result

    segmentation = ClassSegmentation(Network())
    (found,) = segmentation([torch.zeros(3, 40, 60)])
    assert set(segmentation.names) == set(CLASS_COLOURS)
    assert set(found.weights) == {"sky", "water"}
    assert found.weights["water"][12:].min() > 0.9


def test_label_map_names_what_is_there_and_what_nothing_claims():
    weights = {"a": torch.zeros(4, 6), "b": torch.zeros(4, 6), "c": torch.full((4, 6), 0.2)}
    weights["a"][:, :2], weights["b"][:, 2:4] = 0.7, 0.7
    names, labels = label_map(Regions(weights, hard=False))
    assert [names[n] for n in labels[0]] == ["a", "a", "b", "b", "unsure", "unsure"]
    assert labels.dtype == np.uint8


MASKS = {
    "one label": lambda path: Image.new("RGB", (59, 41), RED).save(path),
    "rgba": lambda path: Image.merge(
        "RGBA", [Image.new("L", (59, 41), v) for v in (255, 0, 0)] + [Image.linear_gradient("L").resize((59, 41))]
    ).save(path),
    "of the wrong photo": lambda path: stripes(path, 59, 41, BLUE, RED, BLUE, RED, BLUE),
    "mostly something else": lambda path: stripes(path, 59, 41, *[GREEN] * 11, RED),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("refined", [True, False])
def test_odd_masks_give_sensible_results(scene, mask, refined):
    MASKS[mask](scene / "cm.png")
    style = load(scene / "s.png")
    stylize_file(
        MODEL, scene / "c.png", style, scene / "o.png", FitOptions(), masks=(scene / "cm.png", scene / "sm.png"),
        regions=RegionSettings(refine_masks=refined),
    )  # fmt: skip
    stylize_file(MODEL, scene / "c.png", style, scene / "plain.png", FitOptions())
    pictures = [read(scene / name) for name in ("o.png", "plain.png")]
    assert pictures[0].std() > 5
    assert abs(pictures[0] - pictures[1]).mean() < 60  # of 255: a photo still


def ten_thousand(path, size):
    labels = np.arange(size[0] * size[1], dtype=np.uint16).reshape(size)
    Image.fromarray(labels).save(path)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: stripes(path, 58, 41, RED, BLUE), r"cm\.png: mask is 58x41 pixels but its photo is 59x41"),
        (lambda path: stripes(path, 41, 59, RED, BLUE), r"cm\.png: mask is 41x59"),
        (lambda path: stripes(path, 59, 41, GREEN), r"cm\.png and .*sm\.png: no region in common"),
        (lambda path: ten_thousand(path, (41, 59)), r"16-bit grey labels cannot match a colour mask"),
    ],
)
def test_masks_that_cannot_be_meant(scene, make, complaint):
    make(scene / "cm.png")
    before = contents(scene)
    with pytest.raises(MaskError, match=complaint):
        planned(scene, ("cm.png", "sm.png"))
    assert contents(scene) == before


def test_ten_thousand_labels(scene):
    save_picture(scene / "c.png", 100, 100, 1)
    save_picture(scene / "s.png", 100, 100, 1)
    for name in ("cm.png", "sm.png"):
        ten_thousand(scene / name, (100, 100))
    with pytest.raises(MaskError, match=r"cm\.png: the label map has 10000 different labels \(at most 256\)"):
        planned(scene, ("cm.png", "sm.png"))


def test_a_mask_without_its_counterpart(scene):
    segment = ClassSegmentation(Bright())
    for masks, other in ((("cm.png", None), "--style-mask"), ((None, "sm.png"), "--content-mask")):
        with pytest.raises(MaskError, match=f"needs {other} beside it"):
            planned(scene, masks, segment=segment)
    stripes(scene / "sm.png", 33, 48, CLASS_COLOURS["sky"], CLASS_COLOURS["ground"])
    found = planned(scene, (None, "sm.png"), segment=segment)
    assert set(found.styles[0].weights) == {"sky", "ground"}
    assert set(found.sources) == {WHOLE, "sky", "ground"}


def test_related_classes_in_drawn_masks(scene):
    stripes(scene / "cm.png", 59, 41, CLASS_COLOURS["water"], CLASS_COLOURS["building"])
    stripes(scene / "sm.png", 33, 48, CLASS_COLOURS["sky"], CLASS_COLOURS["building"])
    found = planned(scene, ("cm.png", "sm.png"))
    assert found.sources["water"][0].region == "sky"


@given(st.integers(0, 10**6), st.integers(1, 12), st.booleans())
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_random_label_maps_never_give_nan(tmp_path_factory, seed, count, refined):
    folder = tmp_path_factory.mktemp("random")
    random = np.random.default_rng(seed)
    for name, shape in (("c", (24, 40)), ("s", (32, 18))):
        save_picture(folder / f"{name}.png", *shape, seed % 1000)
        blocks = np.kron(random.integers(0, count, (4, 4)), np.ones((8, 10), int))[: shape[0], : shape[1]]
        labels = np.where(random.random(shape) < 0.2, random.integers(0, count, shape), blocks)
        Image.fromarray(labels.astype(np.uint8)).save(folder / f"{name}m.png")
    refusal, transfer = "", None
    try:
        transfer = stylize_file(
            MODEL, folder / "c.png", load(folder / "s.png"), folder / "o.png",
            FitOptions(("encoder", "decoder", "skip")), masks=(folder / "cm.png", folder / "sm.png"),
            regions=RegionSettings(refine_masks=refined),
        )  # fmt: skip
    except MaskError as error:
        refusal = str(error)
    if transfer is None:
        assert "in common" in refusal or "counterpart" in refusal
        return
    assert (folder / "o.png").exists()
    for site in transfer.maps.values():
        for site_map in site.values():
            assert site_map.affine.matrix.isfinite().all()
            assert site_map.affine.bias.isfinite().all()
