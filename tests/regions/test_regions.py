import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from photostyle.errors import MaskError
from photostyle.regions.regions import Regions, common, nearest_indices
from tests.util import halves


@given(st.integers(1, 700), st.integers(1, 700))
def test_nearest_is_pillows(source, target):
    ramp = Image.fromarray(np.arange(source, dtype=np.int32)[None])
    assert (
        nearest_indices(source, target).tolist()
        == np.asarray(ramp.resize((target, 1), Image.Resampling.NEAREST))[0].tolist()
    )


def test_labels_become_one_mask_a_value():
    regions = Regions.from_labels(halves(4, 9, 7, 2, 200))
    assert list(regions.weights) == ["2", "7", "200"]
    assert regions.pixels("7") == 12
    assert regions.pixels("9") == 0
    assert torch.stack(list(regions.weights.values())).sum(0).eq(1).all()
    assert regions.hard


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_resized_regions_still_cover_every_pixel(height, width, h, w, hard):
    labels = torch.from_numpy(np.random.RandomState(height * width).randint(0, 4, (height, width)))
    regions = Regions.from_labels(labels)
    if not hard:
        regions = Regions.from_weights(regions.weights)
    total = torch.stack(list(regions.at((h, w)).values())).sum(0)
    assert total.shape == (h, w)
    assert torch.allclose(total, torch.ones(h, w), atol=1e-5)


def test_padding_reflects():
    regions = Regions.from_labels(halves(16, 18, 1, 2)).pad(3, 6)
    assert regions.size == (19, 24)
    assert regions.weights["2"][:, 9:].eq(1).all()


def test_published_rule_for_which_labels_count():
    content = Regions.from_labels(torch.cat([torch.full((1, 10), 1), torch.full((2, 10), 2), torch.full((97, 10), 3)]))
    style = Regions.from_labels(torch.cat([torch.full((20, 10), 1), torch.full((1, 10), 3), torch.full((79, 10), 2)]))
    # 1 has ten pixels in the content, not more; 3 has ten in the style
    assert common([content], [style]) == ["2"]
    many = Regions.from_labels(torch.full((110, 10), 5))
    eleven = Regions.from_labels(torch.cat([torch.full((1, 11), 5), torch.zeros(9, 11, dtype=torch.int64)]))
    assert common([many], [eleven]) == []  # exactly a hundred times as many
    assert common([Regions.from_labels(torch.full((109, 10), 5))], [eleven]) == ["5"]


def test_pixels_of_several_photos_count_together():
    part = Regions.from_labels(torch.cat([torch.full((1, 8), 1), torch.full((9, 8), 2)]))
    assert common([part], [part]) == ["2"]
    assert common([part, part], [part, part]) == ["1", "2"]


@pytest.mark.parametrize(
    "labels",
    [torch.zeros(4), torch.zeros(2, 4, 4, dtype=torch.int64), torch.zeros(4, 4), torch.arange(900).reshape(30, 30)],
)
def test_bad_label_maps(labels):
    with pytest.raises(MaskError):
        Regions.from_labels(labels)


@pytest.mark.parametrize(
    "weights",
    [{}, {"a": torch.full((4, 4), 2.0)}, {"a": torch.full((4, 4), -0.1)}, {"a": torch.full((4, 4), float("nan"))},
     {"a": torch.ones(4, 4), "b": torch.ones(4, 4)}, {"a": torch.ones(4, 4), "b": torch.zeros(4, 5)}],
)  # fmt: skip
def test_bad_soft_weights(weights):
    with pytest.raises(MaskError):
        Regions.from_weights(weights)
