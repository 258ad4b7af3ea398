"""Colour conversion against its formulas and libav's own."""

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import Interpolation
from hypothesis import given
from hypothesis import strategies as st

from photostyle.colour.yuv import RGB, WEIGHTS, Layout, from_rgb, to_rgb
from photostyle.errors import ParameterError
from photostyle.video.info import rows


def flat(layout, rgb, size=(6, 10)):
    image = torch.tensor(rgb)[:, None, None].expand(3, *size)
    return from_rgb(image, layout)


def test_known_codes_of_bt709_limited():
    # 100 % white, black, and BT.709's red, green and blue at 8 bits (ITU-R BT.709-6, table 3 with its matrix)
    layout = Layout(8, 1, False, 0, 0)
    for rgb, codes in (
        ((1.0, 1.0, 1.0), (235, 128, 128)),
        ((0.0, 0.0, 0.0), (16, 128, 128)),
        ((1.0, 0.0, 0.0), (63, 102, 240)),
        ((0.0, 1.0, 0.0), (173, 42, 26)),
        ((0.0, 0.0, 1.0), (32, 240, 118)),
    ):
        assert [int(plane[0, 0]) for plane in flat(layout, rgb)] == list(codes)


def test_ten_bits_and_full_range():
    assert [int(p[0, 0]) for p in flat(Layout(10, 1, False, 0, 0), (1.0, 1.0, 1.0))] == [940, 512, 512]
    assert [int(p[0, 0]) for p in flat(Layout(8, 6, True, 0, 0), (1.0, 0.0, 0.0))] == [76, 85, 255]
    assert [int(p[0, 0]) for p in flat(Layout(8, RGB, True, 0, 0), (1.0, 0.0, 0.5))] == [0, 128, 255]


@given(
    st.sampled_from(sorted(WEIGHTS)),
    st.booleans(),
    st.sampled_from([8, 10, 12, 16]),
    st.sampled_from([(0, 0), (1, 0), (1, 1), (2, 0)]),
    st.booleans(),
    st.tuples(*[st.floats(0, 1)] * 3),
    st.tuples(st.integers(5, 9), st.integers(5, 9)),
)
def test_flat_colours_come_back(matrix, full, bits, shifts, left, rgb, size):
    layout = Layout(bits, matrix, full, *shifts, left=left)
    planes = flat(layout, rgb, size)
    assert planes[1].shape == (-(-size[0] // 2 ** shifts[1]), -(-size[1] // 2 ** shifts[0]))
    back = to_rgb(planes, layout)
    assert back.shape == (3, *size)
    # half a code of each plane, as the matrix brings it to R, G, B
    assert (back - torch.tensor(rgb)[:, None, None]).abs().max() < 1.6 / 2 ** (bits - 1)


@given(st.sampled_from([1, 6, 9]), st.booleans(), st.integers(0, 99))
def test_codes_come_back_exactly_without_subsampling(matrix, full, seed):
    rng = np.random.default_rng(seed)
    layout = Layout(10, matrix, full, 0, 0)
    planes = [torch.from_numpy(rng.integers(0, 1024, (5, 7)).astype(np.uint16)) for _ in range(3)]
    back = from_rgb(to_rgb(planes, layout), layout)
    for before, after in zip(planes, back, strict=True):
        assert torch.equal(before.int(), after)


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (5, False), (9, False), (1, True), (6, True)])
def test_agrees_with_libav(matrix, full):
    rng = np.random.default_rng(0)
    frame = av.VideoFrame(16, 16, "yuv444p")
    for plane in frame.planes:
        rows(plane, 8)[:] = np.kron(rng.integers(90, 170, (4, 4)), np.ones((4, 4)))
    flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    theirs = frame.reformat(
        format="rgb48le", src_colorspace=matrix, dst_colorspace=matrix, src_color_range=1 + full, dst_color_range=2,
        interpolation=flags,
    ).to_ndarray()  # fmt: skip
    planes = [torch.from_numpy(rows(plane, 8).copy()) for plane in frame.planes]
    ours = to_rgb(planes, Layout(8, matrix, full, 0, 0)).clamp(0, 1)
    difference = ours.permute(1, 2, 0).numpy() - theirs / 65535
    assert np.abs(difference).max() < 1.2 / 255  # libav rounds down on its way to 16 bits


def test_chroma_lies_where_its_samples_do():
    # a ramp of chroma: co-sited samples are at luma 0, 2, 4 …, midway ones at 0.5, 2.5 …
    ramp = torch.arange(8.0)[None].expand(4, 8) * 10
    luma = torch.full((4, 16), 126.0)
    for left, offset in ((True, 0.0), (False, 0.5)):
        layout = Layout(8, 1, True, 1, 0, left=left)
        red = to_rgb([luma, torch.full((4, 8), 128.0), ramp + 80], layout)[0]
        position = (torch.arange(16.0) - offset) / 2 * 10 + 80
        expected = 126 / 255 + 2 * (1 - 0.2126) * (position - 128) / 255
        assert torch.allclose(red[0, 2:13], expected[2:13], atol=1e-5)
        down = from_rgb(to_rgb([luma, torch.full((4, 8), 128.0), ramp + 80], layout), layout)[2]
        assert torch.equal(down[:, 1:6], (ramp + 80)[:, 1:6].byte())


def test_grey_and_what_lies_beyond_the_range():
    layout = Layout(8, 1, False, 0, 0, grey=True)
    image = to_rgb([torch.tensor([[16, 235, 255]])], layout)
    assert torch.allclose(image[:, 0], torch.tensor([0, 1, 239 / 219]).expand(3, 3))
    assert from_rgb(image, layout)[0].tolist() == [[16, 235, 255]]
    assert len(from_rgb(image, layout)) == 1
    assert from_rgb(torch.full((3, 1, 1), 9.0), layout)[0].item() == 255


def test_batches_and_odd_sizes():
    rgb = torch.rand(2, 3, 7, 9)
    planes = from_rgb(rgb, Layout())
    assert [tuple(p.shape) for p in planes] == [(2, 7, 9), (2, 4, 5), (2, 4, 5)]
    assert torch.equal(to_rgb(planes, Layout())[1], to_rgb([p[1] for p in planes], Layout()))


@pytest.mark.parametrize("wrong", [{"matrix": 8}, {"bits": 7}, {"bits": 17}])
def test_refuses_what_it_does_not_know(wrong):
    with pytest.raises(ParameterError, match="not supported"):
        Layout(**wrong)
