import numpy as np
import pytest
import torch
from PIL import Image

from photostyle.errors import (
    ImageReadError,
    ImageSizeError,
    MaskError,
    MemoryLimitError,
    NumericalError,
    OutputError,
    ParameterError,
)
from photostyle.jobs.photo import Failure, apply_file, each, load, read_image, stylize_file, write_image
from photostyle.jobs.regions import RegionSettings
from photostyle.options import FitOptions
from photostyle.transfer.fitting import fit, fit_and_apply
from tests.util import halves, picture
from tests.util.cli import colourful_model, contents, read, save_picture, size

MODEL = colourful_model()


@pytest.fixture
def scene(tmp_path):
    save_picture(tmp_path / "c.png", 41, 59, 1)
    save_picture(tmp_path / "s.png", 48, 33, 2)
    for name, shape in (("cm.png", (41, 59)), ("sm.png", (48, 33))):
        Image.fromarray(halves(*shape, 3, 7).byte().numpy()).save(tmp_path / name)
    return tmp_path


def stylize(scene, **options):
    return stylize_file(MODEL, scene / "c.png", load(scene / "s.png"), scene / "o.png", FitOptions(), **options)


def test_images_there_and_back(tmp_path):
    image = (picture(19, 23) * 255).round() / 255
    write_image(tmp_path / "x.png", image)
    back = read_image(str(tmp_path / "x.png"))
    assert back.dtype == torch.float32
    assert torch.equal(back, image)
    with pytest.raises(OutputError, match="already exists"):
        write_image(tmp_path / "x.png", image)
    write_image(tmp_path / "x.png", image * 3 - 1, overwrite=True)
    assert torch.allclose(read_image(tmp_path / "x.png"), (image * 3 - 1).clamp(0, 1), atol=1 / 255)
    with pytest.raises(NumericalError):
        write_image(tmp_path / "y.png", image * float("nan"))
    with pytest.raises(ImageReadError):
        read_image(tmp_path / "y.png")


def test_load(scene):
    loaded = load(scene / "c.png")
    assert loaded.image.shape == (3, 41, 59)
    assert loaded.full_size == loaded.photo.size == (41, 59)
    assert torch.equal(loaded.image, read_image(scene / "c.png"))


def test_a_photo_shares_its_memory_with_its_tensor(scene):
    loaded = load(scene / "c.png")
    loaded.image[0, 0, 0] = 0.25
    assert loaded.photo.pixels[0, 0, 0] == 0.25


def test_reduced(scene):
    loaded = load(scene / "c.png")
    assert loaded.reduced(0) is loaded.reduced(41 * 59) is loaded
    small = loaded.reduced(41 * 59 // 4)
    assert small.image.shape[1:] == small.photo.size == (20, 29) or small.photo.size == (21, 29)
    assert small.full_size == (41, 59)
    assert abs(float(small.image.mean()) - float(loaded.image.mean())) < 0.01


@pytest.mark.parametrize(("side", "shape"), [(40, (28, 40)), (59, (41, 59)), (4000, (41, 59))])
def test_load_smaller(scene, side, shape):
    loaded = load(scene / "c.png", side)
    assert loaded.image.shape[1:] == loaded.photo.size == shape
    assert loaded.full_size == (41, 59)


def test_load_refuses(scene):
    save_picture(scene / "low.png", 15, 40)
    with pytest.raises(ImageSizeError, match=r"low\.png"):
        load(scene / "low.png")
    with pytest.raises(ImageSizeError, match=r"c\.png: 20x14 pixels remain of 59x41 with --size 20"):
        load(scene / "c.png", 20)
    with pytest.raises(ParameterError):
        load(scene / "c.png", 15)
    with pytest.raises(ImageReadError):
        load(scene / "absent.png")


def test_regions_follow_the_image(scene):
    labels = halves(41, 59, 3, 7).numpy()
    full = load(scene / "c.png").regions(labels, scene / "cm.png")
    assert full.size == (41, 59)
    assert set(full.weights) == {"3", "7"}
    small = load(scene / "c.png", 40).regions(labels, scene / "cm.png")
    assert small.size == (28, 40)
    assert small.pixels("3") + small.pixels("7") == 28 * 40
    assert abs(small.pixels("3") / (28 * 40) - full.pixels("3") / (41 * 59)) < 0.03
    with pytest.raises(MaskError, match=r"cm\.png: .* 2419 different labels"):
        load(scene / "c.png").regions(np.arange(41 * 59).reshape(41, 59), scene / "cm.png")


@pytest.mark.parametrize("masked", [False, True])
def test_a_file_gets_what_the_core_computes(scene, masked):
    masks = (scene / "cm.png", scene / "sm.png") if masked else None
    exactly = RegionSettings(refine_masks=False)
    transfer = stylize(scene, masks=masks, regions=exactly)
    labels = {"content_regions": halves(41, 59, 3, 7), "style_regions": halves(48, 33, 3, 7)} if masked else {}
    expected, image = fit_and_apply(MODEL, read_image(scene / "c.png"), read_image(scene / "s.png"), **labels)
    assert transfer.regions == expected.regions == (("*", "3", "7") if masked else ("*",))
    assert np.array_equal(read(scene / "o.png"), (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())
    apply_file(transfer, scene / "c.png", scene / "again.png", mask=masks and masks[0], regions=exactly)
    assert abs(read(scene / "again.png") - read(scene / "o.png")).max() <= 1


def test_a_style_is_read_once_for_many_photos(scene):
    style = load(scene / "s.png")
    (scene / "s.png").unlink()
    for name in ("a.png", "b.png"):
        stylize_file(MODEL, scene / "c.png", style, scene / name, FitOptions())
    assert (scene / "a.png").read_bytes() == (scene / "b.png").read_bytes()


def test_smaller_results(scene):
    transfer = stylize(scene, side=40, masks=(scene / "cm.png", scene / "sm.png"))
    apply_file(transfer, scene / "c.png", scene / "a.png", side=32, mask=scene / "cm.png", strength=0.5)
    assert size(scene / "o.png") == (40, 28)
    assert size(scene / "a.png") == (32, 22)


def test_outputs_are_checked_before_the_work(scene, monkeypatch):
    transfer = stylize(scene)
    monkeypatch.setattr("photostyle.transfer.fitting.fit_and_apply", None)
    monkeypatch.setattr("photostyle.jobs.photo.read_photo", None)
    for output in ("o.png", "o.gif", "absent/o.png", "."):
        with pytest.raises(OutputError):
            stylize_file(MODEL, scene / "c.png", None, scene / output, FitOptions())
        with pytest.raises(OutputError):
            apply_file(transfer, scene / "c.png", scene / output)


def test_a_result_that_is_too_long_for_its_format(scene):
    save_picture(scene / "long.png", 16, 16_400)
    before = contents(scene)
    with pytest.raises(OutputError, match="WEBP"):
        stylize_file(MODEL, scene / "long.png", load(scene / "s.png"), scene / "o.webp", FitOptions())
    assert contents(scene) == before


def test_a_mask_must_mean_something(scene):
    plain, by_region = stylize(scene), stylize(scene, masks=(scene / "cm.png", scene / "sm.png"), overwrite=True)
    with pytest.raises(MaskError, match=r"cm\.png: the style was fitted without masks"):
        apply_file(plain, scene / "c.png", scene / "a.png", mask=scene / "cm.png")
    Image.new("L", (59, 41), 9).save(scene / "cm.png")
    with pytest.raises(MaskError, match=r"cm\.png: none of its regions"):
        apply_file(by_region, scene / "c.png", scene / "a.png", mask=scene / "cm.png")
    assert not (scene / "a.png").exists()


MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to …"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


def raising(error):
    def fail(*args, **kwargs):
        raise error

    return fail


@pytest.mark.parametrize("error", MEMORY)
def test_running_out_of_memory(scene, monkeypatch, error):
    transfer = stylize(scene)
    before = contents(scene)
    monkeypatch.setattr("photostyle.transfer.fitting.fit_and_apply", raising(error))
    monkeypatch.setattr("photostyle.transfer.transfer.run", raising(error))
    expected = r"c\.png: not enough memory for 59x41 pixels; try --size \d+$"
    with pytest.raises(MemoryLimitError, match=expected) as fitting:
        stylize(scene, overwrite=True)
    with pytest.raises(MemoryLimitError, match=expected) as applying:
        apply_file(transfer, scene / "c.png", scene / "o.png", overwrite=True)
    assert fitting.value.__cause__ is applying.value.__cause__ is error
    assert contents(scene) == before


@pytest.mark.parametrize("error", MEMORY[:1])
def test_running_out_of_memory_when_a_photo_becomes_a_tensor(scene, monkeypatch, error):
    monkeypatch.setattr("photostyle.jobs.loading.tensor", raising(error))
    with pytest.raises(MemoryLimitError, match=r"s\.png"):
        load(scene / "s.png")


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), KeyError("bug")])
def test_other_errors_pass_unchanged(scene, monkeypatch, error):
    monkeypatch.setattr("photostyle.transfer.fitting.fit_and_apply", raising(error))
    with pytest.raises(type(error)) as found:
        stylize(scene)
    assert found.value is error
    assert not (scene / "o.png").exists()


@pytest.mark.parametrize("kind", [NumericalError, MaskError])
def test_errors_of_the_core_get_the_photo_s_name(scene, monkeypatch, kind):
    monkeypatch.setattr("photostyle.transfer.fitting.fit_and_apply", raising(kind("no good")))
    with pytest.raises(kind, match=r"c\.png: no good$"):
        stylize(scene)


def test_a_network_that_overflows(scene):
    model = colourful_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1e6)
    with pytest.raises(NumericalError, match=r"c\.png: "):
        stylize_file(model, scene / "c.png", load(scene / "s.png"), scene / "o.png", FitOptions())
    assert not (scene / "o.png").exists()


def test_each_goes_on_past_failures(tmp_path):
    photos = [tmp_path / name for name in "abc"]
    outputs = [tmp_path / f"{name}.png" for name in "abc"]
    done = []

    def work(content, output):
        if content.name == "b":
            raise ImageReadError("b is bad")
        done.append((content, output))

    results = list(each(photos, outputs, work))
    assert [(content, output) for content, output, _ in results] == list(zip(photos, outputs, strict=True))
    assert done == [results[0][:2], results[2][:2]]
    assert [failure is None for *_, failure in results] == [True, False, True]
    failure = results[1][2]
    assert isinstance(failure, Failure)
    assert (failure.path, str(failure.error)) == (photos[1], "b is bad")


def test_each_yields_as_it_goes_and_lets_bugs_through(tmp_path):
    done = []

    def work(content, output):
        if len(done) == 2:
            raise ZeroDivisionError
        done.append(content)

    results = each([tmp_path] * 3, [tmp_path] * 3, work)
    next(results)
    assert len(done) == 1
    next(results)
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(ValueError, match="shorter"):
        list(each([tmp_path], [], work))


def test_a_style_fitted_elsewhere_can_be_applied(scene):
    transfer = fit(MODEL, read_image(scene / "c.png"), read_image(scene / "s.png"))
    apply_file(transfer, scene / "c.png", scene / "a.png")
    stylize(scene)
    assert abs(read(scene / "a.png") - read(scene / "o.png")).max() <= 1
