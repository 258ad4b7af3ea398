import torch

from photostyle.training import data, labelled
from photostyle.training.scenes import Scene
from tests.util import halves, picture


def scenes(count=6, side=60):
    photos = [(picture(side, side + 8, i) * 255).byte() for i in range(count)]
    labels = [halves(side, side + 8, 0, 3, 255, i % 2 + 5).to(torch.uint8) for i in range(count)]
    return [Scene("", photo, label) for photo, label in zip(photos, labels, strict=True)]


def test_pairs_share_labels_and_their_regions_fit_the_crops():
    contents, styles, regions = labelled.labelled_pairs(scenes(), 5, 32, data.step_generator(0, 0))
    assert contents.shape == styles.shape == (5, 3, 32, 32)
    for own, other in regions:
        assert own.size == other.size == (32, 32)
        assert set(own.weights) == set(other.weights)
        assert set(own.weights) <= {"0", "3", "5", "6"}
        assert own.weights
        for side in (own, other):
            total = torch.stack(list(side.weights.values())).sum(0)
            assert total.max() <= 1 + 1e-5
            assert min(w.sum() for w in side.weights.values()) > 0.01 * 32 * 32


def test_pairs_are_the_same_for_the_same_generator():
    first, second = (labelled.labelled_pairs(scenes(), 2, 32, data.step_generator(3, 4)) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[2][0][0].weights[next(iter(first[2][0][0].weights))],
                       second[2][0][0].weights[next(iter(second[2][0][0].weights))])  # fmt: skip


def test_soft_regions_follow_the_photos_edge():
    photo = torch.zeros(3, 40, 40)
    photo[:, :, 22:] = 1  # the label map's border lies two pixels off
    labels = torch.zeros(40, 40, dtype=torch.uint8)
    labels[:, 20:] = 1
    weight = labelled.soft_regions(photo, labels, [0, 1]).weights["1"]
    assert weight[:, 20:22].mean() < 0.4 < 0.6 < weight[:, 22:24].mean()


def test_a_soft_split_has_two_sizeable_parts():
    weight = labelled.split_softly(picture(64, 64), data.step_generator(0, 0))
    assert weight.shape == (64, 64)
    assert 0.2 < float(weight.mean()) < 0.8
    assert float(((weight > 0.9) | (weight < 0.1)).float().mean()) > 0.4
